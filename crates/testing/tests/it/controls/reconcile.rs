//! Without the wait before the other side may say that something did not happen.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::{
    effect::IdempotencyKey,
    journal::{Entry, JournalRow},
    port::Clock,
    time::Timestamp,
    tool::{EffectClass, Reconciled, Tool, ToolCall, ToolSpec},
};
use mainstay_engine::commands::StartRun;
use mainstay_testing::{
    clock::SimulatedClock,
    crash::Everywhere,
    rig::{Setup, Stage},
    world::{World, WorldTool},
};
use serde_json::{Value, json};

use super::{
    retold::{Retold, replace, truth},
    with_tool, without_checkpoints,
};
use crate::{planted::says, sale::spec};

/// Longer than a dead worker's lease: who asks as soon as that is over asks too early.
const VISIBLE_WITHIN: Duration = Duration::from_secs(60);

/// A courier who takes every parcel, and knows of it as late as it may: when the call can no longer
/// arrive, and what arrived can be seen.
struct Courier {
    tool: WorldTool,
    clock: Arc<SimulatedClock>,
    known_from: Mutex<HashMap<IdempotencyKey, Timestamp>>,
}

#[async_trait]
impl Tool for Courier {
    fn spec(&self) -> &ToolSpec {
        self.tool.spec()
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let from = call.deadline.after(VISIBLE_WITHIN);
        self.known_from.lock().unwrap().entry(call.key).or_insert(from);
        self.tool.call(call).await
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        let from = self.known_from.lock().unwrap().get(&call.key).copied();
        match from {
            Some(from) if self.clock.now() < from => Reconciled::Absent,
            _ => self.tool.reconcile(call).await,
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Parcel {}

#[flow(name = "parcel", version = 1)]
impl Parcel {
    #[start(grants = ["send_parcel"])]
    async fn send(&self, cx: &StepContext) -> Result<String> {
        cx.tool(("send_parcel", json!({ "what": "a book" }))).await.required()?;
        Ok("sent".to_owned())
    }
}

async fn parcel(stage: Stage) -> Setup {
    let world = World::default();
    let found_late = EffectClass::Reconcilable { visible_within: VISIBLE_WITHIN };
    let tool = WorldTool::of(&world, spec("send_parcel", found_late));
    let courier = Courier { tool, clock: stage.clock(), known_from: Mutex::default() };
    let setup = with_tool(&stage, courier)
        .with_flow::<Parcel>()
        .with_run(StartRun::new("parcel", json!({})))
        .with_outside(Arc::new(world));
    without_checkpoints(setup)
}

/// Every call seems to have been over long ago.
fn long_ago(journal: &mut [JournalRow]) {
    for row in journal {
        let mut entry = row.entry().unwrap();
        if let Entry::EffectIntended { not_after, .. } = &mut entry {
            *not_after = Timestamp::from_millis(0);
            replace(row, &entry);
        }
    }
}

#[tokio::test]
async fn absent_counts_only_when_nothing_can_become_visible_any_more() {
    let report = Everywhere::new(parcel).with_store(Retold::by(truth)).run().await;
    eprintln!("{report}");
    report.assert_safe();
}

#[tokio::test]
async fn without_the_wait_for_absent_a_parcel_is_sent_twice() {
    let report = Everywhere::new(parcel).with_store(Retold::by(long_ago)).run().await;
    assert!(says(&report, "I6: it did"), "{report}");
}
