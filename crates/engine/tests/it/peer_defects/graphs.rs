//! Joins, failures and routes: A, B, G, L.

use std::sync::Arc;

use futures::future::BoxFuture;
use mainstay::prelude::*;
use mainstay_core::{
    code::Code,
    failure::StepError,
    flow::{Condition, FlowDefinition, Trigger, check::check},
    journal::Entry,
    run::RunStatus,
    tool::EffectClass,
    wait::Wait,
};
use mainstay_engine::program::{FlowProgram, InputError, Inputs, StepDone};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World},
    tools::Probe,
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Gather {}

#[flow(name = "gather", version = 1)]
impl Gather {
    #[start]
    async fn fast(&self) -> Result<i64> {
        Ok(1)
    }

    #[start]
    async fn review(&self, cx: &StepContext) -> Result<i64> {
        match cx.review(Review::of("go on?", &json!({}))).await? {
            ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. } => Ok(2),
            other => Err(StepError::new(format!("{other:?}"))),
        }
    }

    #[listen(and_(fast, review))]
    async fn both(&self, #[from(fast)] fast: &i64, #[from(review)] review: &i64) -> Result<i64> {
        Ok(fast + review)
    }
}

#[tokio::test]
async fn a_join_fires_in_the_process_that_finds_the_second_arrival() {
    let world = World::sqlite("peer-a").await;
    let first = world.program(|p| drop(p.flow::<Gather>()));
    let run_id = first.start("gather", json!({})).await;
    assert_eq!(first.drive(run_id).await.row.status, RunStatus::Parked);
    first.approve(run_id).await;

    let second = world.program(|p| drop(p.flow::<Gather>()));
    assert_eq!(second.completed(run_id).await, json!(3));
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct AllRaise {}

#[flow(name = "all_raise", version = 1)]
impl AllRaise {
    #[start]
    async fn begin(&self) -> Result<()> {
        Ok(())
    }

    #[listen(begin)]
    async fn left(&self) -> Result<i64> {
        Err(StepError::new("left broke"))
    }

    #[listen(begin)]
    async fn right(&self) -> Result<i64> {
        Err(StepError::new("right broke"))
    }

    #[listen(begin)]
    async fn third(&self) -> Result<i64> {
        Err(StepError::new("third broke"))
    }

    #[listen(or_(left, right, third))]
    #[finish]
    async fn end(&self) -> Result<String> {
        Ok("a value all the same".to_owned())
    }
}

#[tokio::test]
async fn b_every_failure_is_in_the_journal_and_decides_the_status() {
    let rig = Rig::flow::<AllRaise>();
    let run_id = rig.start("all_raise", json!({})).await;
    let view = rig.drive(run_id).await;
    assert_eq!(view.row.status, RunStatus::Failed);
    assert_eq!(view.projection.output, None);
    let failed = view.rows.iter().filter_map(|(_, entry)| match entry {
        Entry::StepFailed { failure, .. } => Some(failure.message.as_str()),
        _ => None,
    });
    let mut failed: Vec<_> = failed.collect();
    failed.sort_unstable();
    assert_eq!(failed, ["left broke", "right broke", "third broke"]);
    let end = view.projection.finished.unwrap();
    assert!(failed.contains(&end.failure.unwrap().message.as_str()));
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Sort {}

#[derive(Route)]
enum Lane {
    Red,
    Blue,
}

#[flow(name = "sort", version = 1)]
impl Sort {
    #[start]
    async fn look(&self) -> Result<()> {
        Ok(())
    }

    #[router(look)]
    fn lane(&self) -> Lane {
        Lane::Red
    }

    #[listen(or_(Lane::Red, Lane::Blue))]
    async fn put(&self) -> Result<String> {
        Ok("put away".to_owned())
    }
}

/// A flow whose router is not written in Rust, and answers outside its set.
struct Stray(Arc<dyn FlowProgram>);

impl FlowProgram for Stray {
    fn definition(&self) -> &FlowDefinition {
        self.0.definition()
    }

    fn initial(&self, input: &Value) -> Result<Value, InputError> {
        self.0.initial(input)
    }

    fn route(&self, _: usize, _: &Value, _: &Inputs) -> Result<String, StepError> {
        Ok("Green".to_owned())
    }

    fn run(
        &self,
        step: usize,
        state: Arc<Value>,
        inputs: Inputs,
        cx: StepContext,
    ) -> BoxFuture<'static, Result<StepDone, StepError>> {
        self.0.run(step, state, inputs, cx)
    }
}

#[tokio::test]
async fn g_a_route_outside_the_set_parks_and_a_fixed_program_goes_on() {
    let sound = Rig::flow::<Sort>();
    let run_id = sound.start("sort", json!({})).await;
    assert_eq!(sound.completed(run_id).await, json!("put away"));

    let world = World::memory();
    let stray = world.program(|p| p.flows.add(Arc::new(Stray(Sort::program()))));
    let run_id = stray.start("sort", json!({})).await;
    for _ in 0..2 {
        let view = stray.drive(run_id).await;
        assert_eq!(view.row.status, RunStatus::Parked);
        let wait = view.row.wait.unwrap().waits.pop();
        let Some(Wait::Divergence(sides)) = wait else { panic!("{wait:?}") };
        assert_eq!(sides.step.to_string(), "lane#1");
        let because = sides.because.unwrap();
        assert_eq!(because.code, Code::RouteUnknown);
        assert!(because.message.contains("`lane` picked `Green`"), "{because}");
        stray.runtime.retry(run_id, "ann").await.unwrap();
    }
    let fixed = world.program(|p| drop(p.flow::<Sort>()));
    assert_eq!(fixed.completed(run_id).await, json!("put away"));
}

#[test]
fn g_a_declared_listener_of_a_route_nobody_picks_is_refused() {
    let mut flow = Sort::program().definition().clone();
    assert_eq!(check(&flow), []);
    let put = flow.steps.iter_mut().find(|step| &*step.name == "put").unwrap();
    let green = Condition::Route { route: "Lane".into(), variant: "Green".into() };
    put.trigger = Trigger::On(green);
    let findings: Vec<_> = check(&flow).iter().map(ToString::to_string).collect();
    assert!(findings.iter().any(|finding| finding.contains("Green")), "{findings:?}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Hurry {}

#[flow(name = "hurry", version = 1)]
impl Hurry {
    #[start]
    async fn quick(&self) -> Result<()> {
        Ok(())
    }

    #[start(grants = ["slow_search"])]
    async fn slow(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("slow_search", json!({}))).await.required()?)
    }

    #[listen(or_(quick, slow))]
    #[finish]
    async fn first(&self) -> Result<String> {
        Ok("first".to_owned())
    }
}

#[tokio::test]
async fn l_the_slower_sibling_of_an_or_finishes_and_is_recorded() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opens = gate.clone();
    let search = Probe::new("slow_search", EffectClass::Read, move |_, _| {
        let gate = gate.clone();
        async move {
            let _open = gate.acquire().await?;
            Ok(json!("found"))
        }
    });
    let rig = World::memory().program(|p| drop(p.flow::<Hurry>().tool(search.clone())));
    let run_id = rig.start("hurry", json!({})).await;
    let worker = rig.worker();
    let finished = |name: &'static str| move |entry: &Entry| matches!(entry, Entry::StepFinished { step, .. } if &*step.step == name);
    rig.wait_for_entry(run_id, finished("first")).await;
    opens.add_permits(1);
    rig.settled(run_id).await;
    worker.stop().await;

    let view = rig.view(run_id).await;
    assert_eq!(view.row.status, RunStatus::Completed);
    let absorbed = view.rows.iter().find_map(|(_, entry)| match entry {
        Entry::StepFinished { step, absorbed, .. } if &*step.step == "slow" => {
            Some(absorbed.clone())
        }
        _ => None,
    });
    assert_eq!(absorbed.unwrap(), [Arc::from("first")], "the late arrival fires nothing again");
    let firsts = view.rows.iter().filter(|(_, entry)| finished("first")(entry)).count();
    assert_eq!(firsts, 1);
}
