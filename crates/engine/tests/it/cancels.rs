//! A cancelled run ends, whatever had stopped it.

use std::sync::Arc;

use mainstay::prelude::*;
use mainstay_core::{id::RunId, run::RunStatus};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, waits},
    tools::{FOREVER, Probe},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Parent {}

#[flow(name = "parent", version = 1)]
impl Parent {
    #[start]
    async fn wait(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.run_flow(ChildRun::of("child", &json!({}))).await?)
    }
}

/// The same step with another body.
mod changed {
    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Parent {}

    #[flow(name = "parent", version = 1)]
    impl Parent {
        #[start]
        async fn wait(&self, cx: &StepContext) -> Result<Value> {
            let _ = cx.now().await;
            Ok(cx.run_flow(ChildRun::of("child", &json!({}))).await?)
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Child {}

#[flow(name = "child", version = 1)]
impl Child {
    #[start]
    async fn wait(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.signal("grown up").await?)
    }
}

/// Waits until both have ended as cancelled.
async fn both_end(rig: &Rig, parent: RunId, child: RunId) {
    let worker = rig.worker();
    for run_id in [parent, child] {
        rig.wait_for(run_id, |row| row.status == RunStatus::Cancelled).await;
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_cancelled_run_ends_although_its_open_step_was_changed() {
    let world = World::memory();
    let old = world.program(|p| drop(p.flow::<Parent>().flow::<Child>()));
    let run_id = old.start("parent", json!({})).await;
    let worker = old.worker();
    let row = old.wait_for(run_id, |row| waits(row) == ["child"]).await;
    let Some(mainstay_core::wait::Wait::Child { run_id: child }) = row.wait.unwrap().waits.pop()
    else {
        panic!("it waits for its child")
    };
    old.wait_for_status(child, RunStatus::Parked).await;
    worker.stop().await;

    old.runtime.cancel(run_id, "ann", "enough").await.unwrap();
    let new = world.program(|p| drop(p.flow::<changed::Parent>().flow::<Child>()));
    both_end(&new, run_id, child).await;
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Deadly {}

#[flow(name = "deadly", version = 1)]
impl Deadly {
    #[start(grants = ["work"])]
    async fn go(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("work", json!({}))).await.required()?)
    }
}

#[tokio::test]
async fn a_cancelled_run_ends_although_it_was_set_aside() {
    let world = World::memory();
    let work: Arc<Probe> = Probe::new("work", FOREVER, |_, _| std::future::pending());
    let program = || world.program(|p| drop(p.flow::<Deadly>().tool(work.clone())));
    let first = program();
    let run_id = first.start("deadly", json!({})).await;
    for crash in 1..=5 {
        let rig = program();
        let worker = rig.worker();
        work.called(crash).await;
        worker.kill().await;
        rig.let_leases_lapse();
    }
    assert_eq!(waits(&program().drive(run_id).await.row), ["quarantine"]);
    first.runtime.cancel(run_id, "ann", "enough").await.unwrap();
    let worker = first.worker();
    first.wait_for(run_id, |row| row.status == RunStatus::Cancelled).await;
    worker.stop().await;
    assert_eq!(work.count(), 5, "what it did was not begun again");
}
