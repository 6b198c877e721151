//! Steps whose code is a worker's: called once, by nobody else, and lost like any action.

use std::sync::Arc;

use mainstay::prelude::*;
use mainstay_core::{
    effects::Effects,
    id::RunId,
    run::RunStatus,
    tool::{EffectClass, Origin, ToolSpec},
};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, waits},
    tools::{FOREVER, Probe},
};

/// An order to be scored by somebody who does that in Python.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Scoring {
    order: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Score {
    points: u8,
}

#[flow(name = "scoring", version = 1)]
impl Scoring {
    #[start]
    async fn take(&self) -> Result<String> {
        Ok(self.order.clone())
    }

    #[router(take)]
    fn known(&self) -> Known {
        if self.order.starts_with('K') { Known::Yes } else { Known::No }
    }

    #[listen(Known::Yes)]
    async fn recall(&self) -> Result<u8> {
        Ok(7)
    }

    #[listen(or_(recall, Known::No))]
    #[step(worker = "risk", name = "score_v2")]
    async fn score(
        &self,
        #[from(take)] order: &str,
        #[from(recall)] earlier: Option<&u8>,
    ) -> Result<Score>;

    #[listen(score)]
    async fn answer(&self, score: &Score) -> Result<u8> {
        Ok(score.points)
    }
}

#[derive(Route)]
enum Known {
    Yes,
    No,
}

/// A flow with a step that wants another step's code for itself.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Thief {}

#[flow(name = "thief", version = 1)]
impl Thief {
    #[start(grants = ["risk.score", "risk.look"])]
    async fn steal(&self, cx: &StepContext) -> Result<Vec<String>> {
        let offered: Vec<_> = Effects::tools(cx).into_iter().map(|spec| spec.name).collect();
        let named = cx.tool(("risk.score", json!({ "loot": [] }))).await;
        let called = self.score(&Vec::new(), cx).await;
        Ok(vec![offered.join(", "), format!("{named:?}"), format!("{called:?}")])
    }

    #[listen(steal, worker = "risk")]
    async fn score(&self, loot: &Vec<String>) -> Result<Vec<String>>;

    #[listen(score)]
    async fn show(&self, #[from(steal)] told: &Vec<String>) -> Result<Vec<String>> {
        Ok(told.clone())
    }
}

fn spec(name: &str, effect: EffectClass) -> ToolSpec {
    let schema = json!({"type": "object"});
    ToolSpec::new(name, schema).with_effect(effect).with_origin(Origin::Step("risk".to_owned()))
}

fn scores(effect: EffectClass, answer: Value) -> Arc<Probe> {
    Probe::of(spec("risk.score_v2", effect), move |_, _| std::future::ready(Ok(answer.clone())))
}

fn rig(world: &World, probe: &Arc<Probe>) -> Rig {
    world.program(|p| drop(p.flow::<Scoring>().flow::<Thief>().tool(probe.clone())))
}

async fn scored(order: &str, probe: &Arc<Probe>) -> (RunStatus, String) {
    let rig = rig(&World::memory(), probe);
    let view = rig.drive(rig.start("scoring", json!({ "order": order })).await).await;
    let told = match view.row.status {
        RunStatus::Completed => rig.output(&view.projection).await.to_string(),
        _ => format!("{:?}", view.projection.finished),
    };
    (view.row.status, told)
}

#[tokio::test]
async fn a_step_without_a_body_is_one_call_of_the_workers_step_with_its_values_by_name() {
    let probe = scores(EffectClass::Read, json!({ "points": 3 }));
    assert_eq!(scored("A-1", &probe).await, (RunStatus::Completed, "3".to_owned()));
    assert_eq!(scored("K-2", &probe).await, (RunStatus::Completed, "3".to_owned()));
    let expected =
        [json!({ "order": "A-1", "earlier": null }), json!({ "order": "K-2", "earlier": 7 })];
    assert_eq!(probe.arguments(), expected);
}

#[tokio::test]
async fn nobody_but_the_step_whose_code_it_is_calls_a_workers_step() {
    let step =
        Probe::of(spec("risk.score", EffectClass::Read), |_, _| std::future::ready(Ok(json!([]))));
    let look = Probe::fixed("risk.look", EffectClass::Read, json!(1));
    let rig =
        World::memory().program(|p| drop(p.flow::<Thief>().tool(step.clone()).tool(look.clone())));
    let told = rig.completed(rig.start("thief", json!({})).await).await;
    let told: Vec<String> = serde_json::from_value(told).unwrap();
    let [offered, named, called] = &told[..] else { panic!("{told:?}") };
    assert_eq!(offered, "risk.look", "what is granted is no step");
    assert!(named.contains("NotGranted"), "{named}");
    assert!(called.contains("is not granted to this step"), "{called}");
    assert_eq!(step.arguments().len(), 1, "the flow's own step was served");
    assert_eq!(step.calls()[0].position.step.to_string(), "score#1");
}

#[tokio::test]
async fn values_and_answers_are_held_to_the_declaration_and_to_the_type() {
    let strict = json!({"type": "object", "properties": {"order": {"type": "integer"}}});
    let fussy = ToolSpec { input_schema: Arc::new(strict), ..spec("risk.score_v2", FOREVER) };
    let fussy = Probe::of(fussy, |_, _| std::future::ready(Ok(json!({ "points": 1 }))));
    let (status, told) = scored("A-1", &fussy).await;
    assert_eq!((status, fussy.count()), (RunStatus::Failed, 0), "{told}");
    assert!(told.contains("ToolArguments") && told.contains("/order"), "{told}");

    let other = scores(EffectClass::Read, json!({ "points": "many" }));
    let (status, told) = scored("A-1", &other).await;
    assert_eq!(status, RunStatus::Failed);
    let says = "what the worker's step `risk.score_v2` returned does not fit `Score` at `points`";
    assert!(told.contains(says), "{told}");
    let nothing = scores(EffectClass::Read, Value::Null);
    assert!(scored("A-1", &nothing).await.1.contains("does not fit `Score`"));
}

/// Kills the program in the middle of the call, and lets another go on.
async fn killed_in_the_middle(effect: EffectClass) -> (Rig, Arc<Probe>, RunId) {
    let world = World::memory();
    let probe = Probe::of(spec("risk.score_v2", effect), |_, nth| async move {
        if nth == 1 {
            std::future::pending::<()>().await;
        }
        Ok(json!({ "points": 5 }))
    });
    let first = rig(&world, &probe);
    let run_id = first.start("scoring", json!({ "order": "A-1" })).await;
    let worker = first.worker();
    probe.called(1).await;
    worker.kill().await;
    first.let_leases_lapse();
    (rig(&world, &probe), probe, run_id)
}

#[tokio::test]
async fn a_step_that_may_be_repeated_goes_on_elsewhere_with_the_same_key() {
    for effect in [EffectClass::Read, FOREVER] {
        let (next, probe, run_id) = killed_in_the_middle(effect).await;
        assert_eq!(next.completed(run_id).await, json!(5));
        let keys = probe.keys();
        assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
    }
}

#[tokio::test]
async fn a_step_that_acts_at_most_once_is_in_doubt_and_not_repeated() {
    let (next, probe, run_id) = killed_in_the_middle(EffectClass::AtMostOnce).await;
    let view = next.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["review"]));
    assert_eq!(probe.count(), 1);
    let subject = json!({ "points": 9 });
    next.decide(run_id, Decision::Amend { subject, note: None }).await;
    assert_eq!(next.completed(run_id).await, json!(9), "a person says what it returned");
    assert_eq!(probe.count(), 1);
}
