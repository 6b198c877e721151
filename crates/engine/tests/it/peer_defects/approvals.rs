//! What is executed is what was approved: O.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use mainstay::prelude::*;
use mainstay_core::run::RunStatus;
use serde_json::{Value, json};

use crate::{
    approvals::Plain,
    rig::{World, waits},
    tools::{FOREVER, Probe, spec},
};

/// What the code makes of the same question, as another prompt or another reply of a model would.
static CENTS: AtomicU64 = AtomicU64::new(25);

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Transfer {}

#[flow(name = "transfer", version = 1)]
impl Transfer {
    #[start(grants = ["transfer"])]
    async fn pay(&self, cx: &StepContext) -> Result<String> {
        let cents = CENTS.load(Ordering::SeqCst);
        let paid = cx.tool::<(&str, Value)>(("transfer", json!({ "cents": cents }))).await;
        Ok(paid.required()?.to_string())
    }
}

#[tokio::test]
async fn o_what_is_executed_is_what_was_approved() {
    let pay = Probe::of(spec("transfer", FOREVER).with_approval("true"), |call, _| {
        std::future::ready(Ok(call.arguments))
    });
    let rig = World::memory().program(|p| {
        p.flow::<Transfer>().tool(pay.clone()).policy(Arc::new(Plain("rules")));
    });
    let ask = async || {
        let run_id = rig.start("transfer", json!({})).await;
        rig.drive(run_id).await;
        let shown = rig.open_review(run_id).await.request.subject["arguments"].clone();
        rig.approve(run_id).await;
        (run_id, shown)
    };
    let (same, shown) = ask().await;
    rig.completed(same).await;
    assert_eq!(pay.arguments(), [shown]);
    let (other, _) = ask().await;
    CENTS.store(2_500, Ordering::SeqCst);
    let view = rig.drive(other).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["divergence"]));
    assert_eq!(pay.count(), 1, "nothing but the approved call is ever made");
}
