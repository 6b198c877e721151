//! Runs of a version that no worker has.

use mainstay::prelude::*;
use mainstay_core::{code::Code, id::RunId, run::RunStatus, tool::EffectClass};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, kinds, waits},
    tools::{FOREVER, Probe},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Trip {}

#[flow(name = "trip", version = 1)]
impl Trip {
    #[start(grants = ["book"])]
    #[step(compensate = unbook)]
    async fn book(&self, cx: &StepContext) -> Result<Value> {
        let _: Value = cx.signal("go").await?;
        Ok(cx.tool(("book", json!({}))).await.required()?)
    }

    #[listen(book)]
    async fn travel(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.signal("home").await?)
    }

    #[step(grants = ["book"])]
    async fn unbook(&self, cx: &StepContext) -> Result<()> {
        let _: Value = cx.tool(("book", json!({"undo": true}))).await.required()?;
        Ok(())
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Other {}

#[flow(name = "other", version = 1)]
impl Other {
    #[start]
    async fn go(&self) -> Result<()> {
        Ok(())
    }
}

fn agency(world: &World, book: std::sync::Arc<Probe>) -> Rig {
    world.program(|p| drop(p.flow::<Trip>().tool(book)))
}

fn stranger(world: &World) -> Rig {
    world.program(|p| drop(p.flow::<Other>()))
}

/// Drives with a worker that has only another flow, over the time after which the run's version
/// counts as gone.
async fn look_on(rig: &Rig, run_id: RunId, until: impl Fn(RunStatus) -> bool) {
    let worker = rig.worker();
    rig.wait_for(run_id, |row| {
        rig.clock.advance(std::time::Duration::from_secs(1));
        until(row.status)
    })
    .await;
    worker.stop().await;
}

#[tokio::test]
async fn a_queued_run_says_whether_anybody_could_drive_it() {
    let world = World::memory();
    let book = Probe::fixed("book", FOREVER, json!("booked"));
    let rig = agency(&world, book);
    let run_id = rig.start("trip", json!({})).await;
    let stranger = stranger(&world);
    let watching = stranger.worker();
    stranger.wait_for_sessions(1).await;
    let row = rig.runtime.row(run_id).await.unwrap();
    assert_eq!(row.status, RunStatus::Queued);
    assert!(rig.runtime.lacks_worker(&row).await.unwrap());

    let worker = rig.worker();
    let row = rig.settled(run_id).await;
    assert_eq!(waits(&row), ["signal"], "it is taken without being told");
    assert!(!rig.runtime.lacks_worker(&row).await.unwrap());
    worker.stop().await;
    watching.stop().await;
}

#[tokio::test]
async fn a_cancelled_run_that_nobody_can_drive_ends() {
    let world = World::memory();
    let rig = agency(&world, Probe::fixed("book", FOREVER, json!("booked")));
    let run_id = rig.start("trip", json!({})).await;
    assert_eq!(waits(&rig.drive(run_id).await.row), ["signal"]);
    rig.runtime.cancel(run_id, "ann", "no time").await.unwrap();
    look_on(&stranger(&world), run_id, RunStatus::is_terminal).await;
    let view = rig.view(run_id).await;
    assert_eq!(view.row.status, RunStatus::Cancelled);
    assert_eq!(view.projection.finished.unwrap().failure.unwrap().message, "ann: no time");
}

#[tokio::test]
async fn what_nobody_can_undo_is_told() {
    let world = World::memory();
    let book = Probe::fixed("book", FOREVER, json!("booked"));
    let rig = agency(&world, book.clone());
    let run_id = rig.start("trip", json!({})).await;
    rig.runtime.signal(run_id, "go", &json!(1), "k").await.unwrap();
    assert_eq!(waits(&rig.drive(run_id).await.row), ["signal"]);
    rig.runtime.cancel(run_id, "ann", "no time").await.unwrap();
    look_on(&stranger(&world), run_id, RunStatus::is_terminal).await;
    let view = rig.view(run_id).await;
    assert_eq!((view.row.status, book.count()), (RunStatus::Partial, 1));
    let [(step, Some(failure))] = view.projection.undone.as_slice() else {
        panic!("{:?}", view.projection.undone)
    };
    assert_eq!((step.as_str(), failure.code), ("book#1", Code::NoWorkerForVersion));
    assert!(failure.message.contains("`unbook` could not run"), "{failure}");
}

#[tokio::test]
async fn an_action_in_doubt_is_kept_for_a_worker_that_can_find_out() {
    let world = World::memory();
    let book = Probe::hanging_once("book", EffectClass::AtMostOnce, json!("booked"));
    let rig = agency(&world, book.clone());
    let run_id = rig.start("trip", json!({})).await;
    rig.runtime.signal(run_id, "go", &json!(1), "k").await.unwrap();
    let worker = rig.worker();
    book.called(1).await;
    worker.kill().await;
    rig.runtime.cancel(run_id, "ann", "no time").await.unwrap();
    rig.let_leases_lapse();
    look_on(&stranger(&world), run_id, |status| status == RunStatus::Parked).await;
    assert_eq!(waits(&rig.runtime.row(run_id).await.unwrap()), ["worker_version"]);

    rig.runtime.retry(run_id, "ann").await.unwrap();
    assert_eq!(waits(&rig.drive(run_id).await.row), ["review"], "did it happen?");
    assert_eq!(book.count(), 1);
}

#[tokio::test]
async fn a_run_that_nobody_cancelled_is_left_in_its_queue() {
    let world = World::memory();
    let rig = agency(&world, Probe::fixed("book", FOREVER, json!("booked")));
    let run_id = rig.start("trip", json!({})).await;
    assert_eq!(waits(&rig.drive(run_id).await.row), ["signal"]);
    rig.runtime.signal(run_id, "go", &json!(1), "k").await.unwrap();
    let stranger = stranger(&world);
    let cancelled = rig.start("trip", json!({})).await;
    rig.runtime.cancel(cancelled, "ann", "no time").await.unwrap();
    look_on(&stranger, cancelled, RunStatus::is_terminal).await;
    let view = rig.view(run_id).await;
    assert_eq!(view.row.status, RunStatus::Queued);
    assert_eq!(*kinds(&view).last().unwrap(), "parked", "nobody has touched it");
}
