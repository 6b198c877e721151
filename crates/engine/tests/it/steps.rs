//! What a step may count on: values that stay the same, order, limits, panics.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use mainstay::prelude::*;
use mainstay_core::{
    code::Code, failure::StepError, retry::RetryPolicy, run::RunStatus, tool::EffectClass,
};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World},
    tools::{Probe, spec},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Chance {}

#[flow(name = "chance", version = 1)]
impl Chance {
    #[start(grants = ["flaky"])]
    #[step(retry(max = 3, base = "1s"))]
    async fn draw(&self, cx: &StepContext) -> Result<Vec<String>> {
        let mut drawn = vec![cx.random().await.to_string(), cx.random().await.to_string()];
        drawn.push(format!("{:?}", cx.now().await));
        let words =
            cx.once("word", async { Ok::<_, StepError>(COUNT.fetch_add(1, Ordering::SeqCst)) });
        drawn.push(words.await?.to_string());
        let _: Value = cx.tool(("flaky", json!({"drawn": drawn}))).await.required()?;
        Ok(drawn)
    }
}

static COUNT: AtomicUsize = AtomicUsize::new(0);

#[tokio::test]
async fn time_chance_and_kept_closures_are_the_same_on_every_attempt() {
    let flaky = Probe::new("flaky", EffectClass::Read, |_, nth| async move {
        match nth {
            1 => Err(ToolFailure::unavailable("not now").with_retry_after(Duration::from_secs(60))),
            2 => std::future::pending().await,
            _ => Ok(json!("at last")),
        }
    });
    let world = World::memory();
    let program = || world.program(|p| drop(p.flow::<Chance>().tool(flaky.clone())));
    let first = program();
    let run_id = first.start("chance", json!({})).await;
    let worker = first.worker();
    first.wait_for(run_id, |row| row.status == RunStatus::Parked).await;
    first.clock.advance(Duration::from_secs(120));
    flaky.called(2).await;
    worker.kill().await;
    first.let_leases_lapse();

    let drawn = program().completed(run_id).await;
    let asked: Vec<_> = flaky.arguments().iter().map(|asked| asked["drawn"].clone()).collect();
    assert_eq!(asked, [drawn.clone(), drawn.clone(), drawn.clone()]);
    assert_ne!(drawn[0], drawn[1], "two draws in one step differ");
    assert_eq!(drawn[3], "0");
    assert_eq!(COUNT.load(Ordering::SeqCst), 1);
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Panics {}

#[flow(name = "panics", version = 1)]
impl Panics {
    #[start]
    async fn go(&self) -> Result<()> {
        panic!("no such luck")
    }
}

#[tokio::test]
async fn a_panic_in_a_step_fails_the_run_and_not_the_worker() {
    let rig = Rig::flow::<Panics>();
    let run_id = rig.start("panics", json!({})).await;
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, view.row.epoch), (RunStatus::Failed, 1));
    let failure = view.projection.finished.unwrap().failure.unwrap();
    assert_eq!(failure.code, Code::StepPanicked);
    assert!(failure.message.contains("no such luck"), "{failure}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct PanicsInside {}

#[flow(name = "panics_inside", version = 1)]
impl PanicsInside {
    #[start]
    async fn go(&self, cx: &StepContext) -> Result<i64> {
        let kept = cx.once("boom", async { Err::<i64, StepError>(boom()) });
        Ok(kept.await?)
    }
}

fn boom() -> StepError {
    panic!("no such luck")
}

#[tokio::test]
async fn a_panic_in_a_kept_closure_fails_the_run_and_not_the_worker() {
    let rig = Rig::flow::<PanicsInside>();
    let run_id = rig.start("panics_inside", json!({})).await;
    let view = rig.drive(run_id).await;
    assert_eq!(view.row.status, RunStatus::Failed);
    let failure = view.projection.finished.unwrap().failure.unwrap();
    assert!(failure.message.contains("no such luck"), "{failure}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Greedy {
    effects: u32,
}

#[flow(name = "greedy", version = 1)]
impl Greedy {
    #[start]
    async fn go(&self, cx: &StepContext) -> Result<u32> {
        for _ in 0..self.effects {
            cx.now().await;
        }
        Ok(self.effects)
    }
}

#[tokio::test]
async fn a_step_makes_a_thousand_effects_and_not_one_more() {
    let rig = Rig::flow::<Greedy>();
    let run_id = rig.start("greedy", json!({"effects": 1_000})).await;
    assert_eq!(rig.completed(run_id).await, json!(1_000));

    let run_id = rig.start("greedy", json!({"effects": 1_001})).await;
    let view = rig.drive(run_id).await;
    let failure = view.projection.finished.unwrap().failure.unwrap();
    assert_eq!((view.row.status, failure.code), (RunStatus::Failed, Code::TooManyEffects));
    assert!(failure.message.contains("cx.map"), "it says how to split: {failure}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Stuck {}

#[flow(name = "stuck", version = 1)]
impl Stuck {
    #[start]
    async fn go(&self) -> Result<()> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_step_that_waits_for_nothing_fails_and_says_so() {
    let rig = Rig::flow::<Stuck>();
    let run_id = rig.start("stuck", json!({})).await;
    let view = rig.drive(run_id).await;
    assert_eq!(view.row.status, RunStatus::Failed);
    let failure = view.projection.finished.unwrap().failure.unwrap();
    assert!(failure.message.contains("nothing will bring"), "{failure}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Impatient {}

#[flow(name = "impatient", version = 1)]
impl Impatient {
    #[start(grants = ["slow"])]
    #[step(timeout = "100ms", retry(max = 2, base = "1s"))]
    async fn go(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("slow", json!({}))).await.required()?)
    }
}

#[tokio::test]
async fn a_step_out_of_time_is_tried_again_and_then_fails() {
    let once = spec("slow", EffectClass::Read).with_retry(RetryPolicy::never());
    let slow = Probe::of(once, |_, _| std::future::pending());
    let rig = World::memory().program(|p| drop(p.flow::<Impatient>().tool(slow.clone())));
    let run_id = rig.start("impatient", json!({})).await;
    let worker = rig.worker();
    for attempt in 1..=2 {
        slow.called(attempt).await;
        rig.clock.advance(Duration::from_millis(150));
        rig.wait_for(run_id, |row| row.status != RunStatus::Running).await;
        rig.clock.advance(Duration::from_secs(2));
    }
    rig.settled(run_id).await;
    worker.stop().await;
    let view = rig.view(run_id).await;
    let failure = view.projection.finished.unwrap().failure.unwrap();
    assert_eq!((view.row.status, failure.code), (RunStatus::Failed, Code::StepTimedOut));
}
