//! Negative controls: one rule of the design after the other is taken away from outside, and the
//! harness goes red. Without the fence, and with a tool that ignores its key: `planted`.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::{
    digest::Digest,
    store::{
        Store, StoreError,
        operation::{Append, Operation, Reply, RowChange},
    },
    tool::{Reconciled, Tool, ToolCall, ToolSpec},
};
use mainstay_engine::commands::StartRun;
use mainstay_testing::{
    crash::{Everywhere, Report},
    rig::{Setup, Stage},
    world::{World, WorldTool},
};
use mainstay_tools::{Registry, Resources};
use serde_json::{Value, json};

use crate::{
    sale::{self, FOREVER, spec},
    shapes,
};

fn says(report: &Report, word: &str) -> bool {
    let mut wrong = report.findings.iter().flat_map(|finding| &finding.wrong);
    wrong.any(|line| line.contains(word))
}

/// What books a van for good is called without an intent, as if it were harmless.
async fn unannounced(stage: Stage) -> Setup {
    let world = World::default();
    let van = WorldTool::of(&world, spec("book_van", FOREVER)).ignoring_keys();
    let others = sale::tools(&world).into_iter().filter(|tool| tool.spec().name != "book_van");
    let tools = others.chain([van]).collect();
    sale::setup_with(&stage, world, tools, "4711")
}

#[tokio::test]
async fn without_the_intent_an_action_is_repeated_after_a_crash() {
    let report = Everywhere::new(unannounced).run().await;
    assert!(says(&report, "I6: it did"), "{report}");
}

/// A tool to which every attempt comes under a key of its own.
struct FreshKeys(WorldTool, AtomicU8);

#[async_trait]
impl Tool for FreshKeys {
    fn spec(&self) -> &ToolSpec {
        self.0.spec()
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let attempt = self.1.fetch_add(1, Ordering::Relaxed);
        let key = call.position.key(Digest::of(&[attempt]));
        self.0.call(ToolCall { key, ..call }).await
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        self.0.reconcile(call).await
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Payment {}

#[flow(name = "payment", version = 1)]
impl Payment {
    #[start(grants = ["charge"])]
    async fn pay(&self, cx: &StepContext) -> Result<String> {
        cx.tool(("charge", json!({ "what": "it" }))).await.required()?;
        Ok("paid".to_owned())
    }
}

async fn fresh_keys(stage: Stage) -> Setup {
    let world = World::default();
    let mut registry = Registry::new(Resources::default(), stage.clock());
    let charge = FreshKeys(WorldTool::of(&world, spec("charge", FOREVER)), AtomicU8::new(0));
    registry.add(Arc::new(charge) as Arc<dyn Tool>).unwrap();
    let schema = registry.schema();
    Setup::default()
        .with_flow::<Payment>()
        .with_tools(Arc::new(registry), schema)
        .with_run(StartRun::new("payment", json!({})))
        .with_outside(Arc::new(world))
}

#[tokio::test]
async fn without_a_stable_key_a_payment_is_made_twice() {
    let report = Everywhere::new(fresh_keys).run().await;
    assert!(says(&report, "I6: it did"), "{report}");
}

/// A store that parks a run whatever has come into its inbox meanwhile.
struct BlindPark(Arc<dyn Store>);

impl BlindPark {
    async fn blind(&self, mut part: Append) -> Result<Append, StoreError> {
        if let RowChange::Park { inbox_seen, .. } = &mut part.change {
            let row = self.0.run(part.run_id).await?;
            *inbox_seen = row.map_or(*inbox_seen, |row| row.inbox_head);
        }
        Ok(part)
    }
}

#[async_trait]
impl Store for BlindPark {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        let Operation::Append(parts) = operation else { return self.0.execute(operation).await };
        let mut blind = Vec::new();
        for part in parts {
            blind.push(self.blind(part).await?);
        }
        self.0.execute(Operation::Append(blind)).await
    }
}

#[tokio::test]
async fn without_the_comparison_on_parking_a_wake_up_is_lost() {
    let report = shapes::all().with_seeds(0..120);
    let report = report.with_store(|store| Arc::new(BlindPark(store))).run().await;
    let mut wrong = report.findings.iter().flat_map(|finding| &finding.wrong);
    assert!(wrong.any(|line| line.contains("came to no rest")), "{report}");
}
