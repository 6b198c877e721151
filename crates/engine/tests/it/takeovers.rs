//! Taken over early: the last owner may still live, so what acts waits for the end of its lease.

use std::time::Duration;

use mainstay::prelude::*;
use mainstay_core::{
    id::RunId,
    run::RunStatus,
    store::operation::{Death, TakeOver},
    tool::EffectClass,
};
use serde_json::{Value, json};

use crate::{
    rig::{LiveWorker, Rig, World, waits},
    tools::{FOREVER, Probe},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Visit {}

#[flow(name = "visit", version = 1)]
impl Visit {
    #[start(grants = ["look", "act"])]
    async fn go(&self, cx: &StepContext) -> Result<Value> {
        let _: Value = cx.tool(("look", json!({}))).await.required()?;
        Ok(cx.tool(("act", json!({}))).await.required()?)
    }
}

/// A second before the first owner's lease ends, and a second after.
const ALMOST: Duration = Duration::from_secs(13);
const AFTER: Duration = Duration::from_secs(2);

/// Kills a worker and takes its runs over at once, a second into its lease.
async fn taken_over_early(rig: &Rig, worker: LiveWorker) {
    worker.kill().await;
    rig.clock.advance(Duration::from_secs(1));
    for session in rig.runtime.store.sessions(()).await.unwrap() {
        rig.runtime.store.revoke(session.session).await.unwrap();
        let takeover = TakeOver { session: session.session, death: Death::Presumed };
        assert_eq!(rig.runtime.store.take_over(takeover).await, Ok(1));
    }
}

/// Lets the time pass until just before the lease's end, without losing the worker that waits.
async fn almost(rig: &Rig) {
    rig.sessions_are_open(1).await;
    for _ in 0..ALMOST.as_secs() {
        rig.clock.advance(Duration::from_secs(1));
        rig.beats_are_in().await;
    }
}

async fn started(rig: &Rig) -> (RunId, LiveWorker) {
    (rig.start("visit", json!({})).await, rig.worker())
}

#[tokio::test]
async fn reads_go_on_and_actions_wait_for_the_end_of_the_lease() {
    let look = Probe::hanging_once("look", EffectClass::Read, json!("seen"));
    let act = Probe::fixed("act", FOREVER, json!("done"));
    let world = World::memory();
    let program =
        || world.program(|p| drop(p.flow::<Visit>().tool(look.clone()).tool(act.clone())));
    let (run_id, worker) = started(&program()).await;
    look.called(1).await;
    let rig = program();
    taken_over_early(&rig, worker).await;

    let worker = rig.worker();
    look.called(2).await;
    almost(&rig).await;
    assert_eq!((look.count(), act.count()), (2, 0), "the read was repeated, nothing acted");
    rig.clock.advance(AFTER);
    rig.settled(run_id).await;
    worker.stop().await;
    assert_eq!(rig.view(run_id).await.row.status, RunStatus::Completed);
    assert_eq!(act.count(), 1);
}

#[tokio::test]
async fn an_open_intent_is_resolved_only_when_the_lease_is_over() {
    let look = Probe::fixed("look", EffectClass::Read, json!("seen"));
    let act = Probe::hanging_once("act", EffectClass::AtMostOnce, json!("twice"));
    let world = World::memory();
    let program =
        || world.program(|p| drop(p.flow::<Visit>().tool(look.clone()).tool(act.clone())));
    let (run_id, worker) = started(&program()).await;
    act.called(1).await;
    let rig = program();
    taken_over_early(&rig, worker).await;

    let worker = rig.worker();
    rig.wait_for(run_id, |row| row.epoch == 2).await;
    almost(&rig).await;
    assert!(rig.open_reviews(run_id).await.is_empty(), "nothing is said while it may be answered");
    rig.clock.advance(AFTER);
    let row = rig.settled(run_id).await;
    worker.stop().await;
    assert_eq!((row.status, waits(&row)), (RunStatus::Parked, vec!["review"]));
    assert_eq!(act.count(), 1, "in doubt, and never repeated");
}

#[tokio::test]
async fn a_worker_told_to_stop_does_not_wait_for_it() {
    let look = Probe::fixed("look", EffectClass::Read, json!("seen"));
    let act = Probe::hanging_once("act", EffectClass::AtMostOnce, json!("twice"));
    let world = World::memory();
    let program =
        || world.program(|p| drop(p.flow::<Visit>().tool(look.clone()).tool(act.clone())));
    let (run_id, worker) = started(&program()).await;
    act.called(1).await;
    let rig = program();
    taken_over_early(&rig, worker).await;
    let worker = rig.worker();
    rig.wait_for(run_id, |row| row.epoch == 2).await;
    worker.stop().await;
    assert_eq!(rig.view(run_id).await.row.status, RunStatus::Queued);
    let claimed_by = program();
    let worker = claimed_by.worker();
    rig.wait_for(run_id, |row| row.epoch == 3).await;
    almost(&rig).await;
    assert!(rig.open_reviews(run_id).await.is_empty(), "the next owner keeps to it too");
    worker.stop().await;
}
