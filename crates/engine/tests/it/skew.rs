//! A worker whose clock is behind the store's: what the store says has passed has passed.

use std::time::Duration;

use mainstay::prelude::*;
use mainstay_core::{
    failure::StepError,
    id::RunId,
    run::RunStatus,
    tool::{EffectClass, Reconciled},
};
use serde_json::{Value, json};

use crate::{
    reconcile::Order,
    rig::{Rig, World},
    tools::Probe,
};

/// More than the pause between two tries: the timer of a retry is due when it is set.
const LAG: Duration = Duration::from_secs(10);

/// Drives the run to its end, over every wait that time ends. At no look may it be parked for a
/// time whose timer is gone.
async fn driven(rig: &Rig, run_id: RunId) -> Value {
    let worker = rig.worker();
    loop {
        let row = rig.runtime.row(run_id).await.unwrap();
        if row.status.is_terminal() {
            break;
        }
        assert_eq!(rig.runtime.store.unexplained(()).await.unwrap(), [], "{row:?}");
        if row.status == RunStatus::Parked {
            rig.clock.advance(Duration::from_secs(1));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    worker.stop().await;
    rig.output(&rig.view(run_id).await.projection).await
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Again {}

#[flow(name = "again", version = 1)]
impl Again {
    #[start]
    #[step(retry(max = 3, base = "1s"))]
    async fn work(&self, cx: &StepContext) -> Result<u32> {
        match cx.attempt() {
            1 => Err(StepError::retryable("not at first")),
            attempt => Ok(attempt),
        }
    }
}

#[tokio::test]
async fn a_retry_whose_time_has_come_is_made_though_the_worker_is_behind() {
    let rig = World::memory().behind(LAG).program(|p| drop(p.flow::<Again>()));
    let run_id = rig.start("again", json!({})).await;
    assert_eq!(driven(&rig, run_id).await, json!(2));
}

#[tokio::test]
async fn what_is_absent_in_time_is_sent_again_though_the_worker_is_behind() {
    let visible_within = Duration::from_secs(300);
    let lost = ToolFailure::timed_out(Duration::from_secs(1));
    let order = Probe::failing("order", EffectClass::Reconcilable { visible_within }, &[lost]);
    order.is_there(Reconciled::Absent);
    let rig = World::memory().behind(LAG).program(|p| drop(p.flow::<Order>().tool(order.clone())));
    let run_id = rig.start("order", json!({})).await;
    assert_eq!(driven(&rig, run_id).await, json!("done"));
    assert_eq!(order.count(), 2);
}
