//! Taken over early: the last owner may still live, so what acts waits for the end of its lease.

use std::{sync::Arc, time::Duration};

use mainstay::prelude::*;
use mainstay_core::{
    id::RunId,
    journal::Entry,
    run::RunStatus,
    store::operation::{Death, TakeOver},
    tool::EffectClass,
};
use serde_json::{Value, json};

use crate::{
    rig::{Program, Rig, World, waits},
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

/// One world and its two tools, for programs that follow each other.
struct Place {
    world: World,
    look: Arc<Probe>,
    act: Arc<Probe>,
}

impl Place {
    fn new(look: Arc<Probe>, act: Arc<Probe>) -> Self {
        Self { world: World::memory(), look, act }
    }

    fn program(&self) -> Rig {
        let tools = |p: &mut Program| {
            p.flow::<Visit>().tool(self.look.clone()).tool(self.act.clone());
        };
        self.world.program(tools)
    }

    /// Starts a run whose worker is killed while it calls `hanging`, and whose runs are taken over
    /// a second into its lease.
    async fn taken_over_early(&self, hanging: &Probe) -> (Rig, RunId) {
        let rig = self.program();
        let run_id = rig.start("visit", json!({})).await;
        let worker = rig.worker();
        hanging.called(1).await;
        worker.kill().await;
        take_over_early(&rig).await;
        (self.program(), run_id)
    }
}

/// Takes the one run over that a dead worker left, a second into its lease.
async fn take_over_early(rig: &Rig) {
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

#[tokio::test]
async fn reads_go_on_and_actions_wait_for_the_end_of_the_lease() {
    let look = Probe::hanging_once("look", EffectClass::Read, json!("seen"));
    let act = Probe::fixed("act", FOREVER, json!("done"));
    let place = Place::new(look.clone(), act.clone());
    let (rig, run_id) = place.taken_over_early(&look).await;
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

/// A place where the action itself was under way.
fn with_an_open_intent() -> Place {
    let look = Probe::fixed("look", EffectClass::Read, json!("seen"));
    Place::new(look, Probe::hanging_once("act", EffectClass::AtMostOnce, json!("twice")))
}

#[tokio::test]
async fn an_open_intent_is_resolved_only_when_the_lease_is_over() {
    let place = with_an_open_intent();
    let (rig, run_id) = place.taken_over_early(&place.act).await;
    let worker = rig.worker();
    rig.wait_for(run_id, |row| row.epoch == 2).await;
    almost(&rig).await;
    assert!(rig.open_reviews(run_id).await.is_empty(), "nothing is said while it may be answered");
    rig.clock.advance(AFTER);
    let row = rig.settled(run_id).await;
    worker.stop().await;
    assert_eq!((row.status, waits(&row)), (RunStatus::Parked, vec!["review"]));
    assert_eq!(place.act.count(), 1, "in doubt, and never repeated");
}

#[tokio::test]
async fn a_worker_told_to_stop_does_not_wait_for_it_and_the_next_keeps_to_it() {
    let place = with_an_open_intent();
    let (rig, run_id) = place.taken_over_early(&place.act).await;
    let worker = rig.worker();
    rig.wait_for(run_id, |row| row.epoch == 2).await;
    worker.stop().await;
    assert_eq!(rig.view(run_id).await.row.status, RunStatus::Queued);

    let next = place.program();
    let worker = next.worker();
    next.wait_for(run_id, |row| row.epoch == 3).await;
    almost(&next).await;
    assert!(next.open_reviews(run_id).await.is_empty(), "the mark outlives a claim");
    worker.stop().await;
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Hasty {}

#[flow(name = "hasty", version = 1)]
impl Hasty {
    #[start]
    #[step(grants = ["act"], timeout = "3s", retry(max = 3, base = "100ms"))]
    async fn go(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("act", json!({}))).await.required()?)
    }
}

#[tokio::test]
async fn attempts_that_run_out_of_time_while_it_waits_ask_once_in_the_end() {
    let act = Probe::hanging_once("act", FOREVER, json!("done"));
    let world = World::memory();
    let program = || world.program(|p| drop(p.flow::<Hasty>().tool(act.clone())));
    let rig = program();
    let run_id = rig.start("hasty", json!({})).await;
    let worker = rig.worker();
    act.called(1).await;
    worker.kill().await;
    take_over_early(&rig).await;

    let rig = program();
    let worker = rig.worker();
    almost(&rig).await;
    rig.wait_for_entry(run_id, |entry| matches!(entry, Entry::StepFailed { .. })).await;
    assert_eq!(act.count(), 1);
    rig.clock.advance(AFTER);
    rig.settled(run_id).await;
    worker.stop().await;
    assert_eq!(rig.view(run_id).await.row.status, RunStatus::Completed);
    assert_eq!(act.count(), 2, "once before the crash and once after");
}
