//! What a step costs in commits: a claim of ours, so it is counted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use mainstay::prelude::*;
use mainstay_core::{
    model::ModelId,
    store::operation::Operation,
    tool::{EffectClass, KeyValidity},
};
use serde_json::{Value, json};

use crate::{
    rig::{Program, World},
    tap::Tap,
    tools::{FOREVER, Probe},
};

const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);
const AN_HOUR: EffectClass = EffectClass::Idempotent { key_valid_for: KeyValidity::For(HOUR) };
const FOUND_LATER: EffectClass = EffectClass::Reconcilable { visible_within: HOUR };

/// Drives one run to its end and returns how many commits it took.
async fn commits(flow: &str, input: Value, write: impl FnOnce(&mut Program)) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counts = count.clone();
    let world = World::memory().through(|store| {
        Tap::new(store, move |operation| {
            let append = matches!(operation, Operation::Append(_));
            counts.fetch_add(usize::from(append), Ordering::SeqCst);
            None
        })
    });
    let rig = world.program(write);
    let run_id = rig.start(flow, input).await;
    rig.completed(run_id).await;
    count.load(Ordering::SeqCst)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Route)]
enum Way {
    Left,
    Right,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Plain {
    left: bool,
}

#[flow(name = "plain", version = 1)]
impl Plain {
    #[start]
    async fn one(&self) -> Result<i64> {
        Ok(1)
    }

    #[router(one)]
    fn way(&self) -> Way {
        if self.left { Way::Left } else { Way::Right }
    }

    #[listen(Way::Left)]
    async fn left(&self) -> Result<i64> {
        Ok(2)
    }

    #[listen(Way::Right)]
    async fn right(&self) -> Result<i64> {
        Ok(2)
    }

    #[listen(or_(left, right))]
    async fn three(&mut self) -> Result<i64> {
        self.left = !self.left;
        Ok(3)
    }
}

#[tokio::test]
async fn a_plain_step_costs_one_commit_and_a_router_none() {
    let program = |p: &mut Program| drop(p.flow::<Plain>());
    assert_eq!(commits("plain", json!({"left": true}), program).await, 3);
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Asking {
    models: usize,
}

#[flow(name = "asking", version = 1)]
impl Asking {
    #[start(grants = ["look"])]
    async fn ask(&self, cx: &StepContext) -> Result<Value> {
        let _ = (cx.now().await, cx.random().await);
        let model: ModelId = "scripted:desk".parse()?;
        for _ in 0..self.models {
            cx.model(ModelRequest::new(model.clone()).with_user("hello")).await?;
        }
        let _: Value = cx.tool(("look", json!({"nth": 1}))).await.required()?;
        Ok(cx.tool(("look", json!({"nth": 2}))).await.required()?)
    }
}

#[tokio::test]
async fn a_step_that_reads_costs_one_commit_and_one_more_for_each_model_call() {
    let script = "
model: desk
price: { input_per_million: 1, output_per_million: 1 }
rules:
  - reply: { text: ok }
    usage: { input_tokens: 1, output_tokens: 1 }
";
    for models in 0..=3 {
        let look = Probe::fixed("look", EffectClass::Read, json!("seen"));
        let program = |p: &mut Program| drop(p.flow::<Asking>().tool(look).script(script));
        assert_eq!(commits("asking", json!({"models": models}), program).await, 1 + models);
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Acting {
    goes_on: bool,
}

#[flow(name = "acting", version = 1)]
impl Acting {
    #[start(grants = ["act", "look"])]
    async fn act(&self, cx: &StepContext) -> Result<Value> {
        let _: Value = cx.tool(("look", json!({}))).await.required()?;
        let done: Value = cx.tool(("act", json!({}))).await.required()?;
        if self.goes_on {
            let _: Value = cx.tool(("look", json!({}))).await.required()?;
        }
        Ok(done)
    }
}

/// Returns what a step costs that reads, acts, and either ends or reads again.
async fn acting(effect: EffectClass, goes_on: bool) -> usize {
    let look = Probe::fixed("look", EffectClass::Read, json!("seen"));
    let act = Probe::fixed("act", effect, json!("done"));
    let program = |p: &mut Program| drop(p.flow::<Acting>().tool(look).tool(act));
    commits("acting", json!({"goes_on": goes_on}), program).await
}

#[tokio::test]
async fn an_action_costs_what_came_before_it_and_its_outcome_which_rides_with_the_steps_end() {
    for effect in [FOREVER, AN_HOUR, FOUND_LATER, EffectClass::AtMostOnce] {
        assert_eq!(acting(effect, false).await, 2, "{effect:?}, and the step ends");
        assert_eq!(acting(effect, true).await, 3, "{effect:?}, and the step goes on");
    }
}
