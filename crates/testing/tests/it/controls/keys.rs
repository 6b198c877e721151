//! Without the intent; without keys that stay the same; without the visit in a cycle's keys.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::{
    digest::Digest,
    effect::{EffectPosition, IdempotencyKey},
    tool::{Reconciled, Tool, ToolCall, ToolCatalog, ToolSpec},
};
use mainstay_engine::commands::StartRun;
use mainstay_testing::{
    crash::Everywhere,
    rig::{Ground, Outside, Rig, Setup, Stage},
    world::{World, WorldTool},
};
use serde_json::{Value, json};

use super::with_tool;
use crate::{
    planted::says,
    sale::{self, FOREVER, spec},
};

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

/// Returns the key that a call is to come under instead of its own.
type Rekey = Arc<dyn Fn(&ToolCall) -> IdempotencyKey + Send + Sync>;

/// A tool to which calls come under other keys.
struct Rekeyed(Arc<dyn Tool>, Rekey);

#[async_trait]
impl Tool for Rekeyed {
    fn spec(&self) -> &ToolSpec {
        self.0.spec()
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let key = (self.1)(&call);
        self.0.call(ToolCall { key, ..call }).await
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        self.0.reconcile(call).await
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Payment {}

#[flow(name = "payment", version = 1)]
impl Payment {
    #[start(grants = ["charge"])]
    async fn pay(&self, cx: &StepContext) -> Result<String> {
        cx.tool(("charge", json!({ "what": "it" }))).await.required()?;
        Ok("paid".to_owned())
    }
}

/// Every attempt comes under a key of its own.
async fn fresh_keys(stage: Stage) -> Setup {
    let (world, attempts) = (World::default(), AtomicU8::new(0));
    let fresh: Rekey = Arc::new(move |call| {
        call.position.key(Digest::of(&[attempts.fetch_add(1, Ordering::Relaxed)]))
    });
    let charge = Arc::new(WorldTool::of(&world, spec("charge", FOREVER)));
    with_tool(&stage, Rekeyed(charge, fresh))
        .with_flow::<Payment>()
        .with_run(StartRun::new("payment", json!({})))
        .with_outside(Arc::new(world))
}

#[tokio::test]
async fn without_a_stable_key_a_payment_is_made_twice() {
    let report = Everywhere::new(fresh_keys).run().await;
    assert!(says(&report, "I6: it did"), "{report}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Rounds {
    receipts: Vec<String>,
}

#[derive(Route)]
enum More {
    Again,
    Enough,
}

/// Pays the same twice, in a cycle.
#[flow(name = "rounds", version = 1)]
impl Rounds {
    #[start]
    async fn begin(&self) -> Result<()> {
        Ok(())
    }

    #[listen(or_(begin, More::Again))]
    #[step(grants = ["charge"])]
    async fn pay(&mut self, cx: &StepContext) -> Result<usize> {
        let receipt = cx.tool(("charge", json!({ "what": "a round" }))).await.required()?;
        self.receipts.push(receipt["receipt"].to_string());
        Ok(self.receipts.len())
    }

    #[router(pay)]
    fn more(&self, paid: &usize) -> More {
        if *paid < 2 { More::Again } else { More::Enough }
    }

    #[listen(More::Enough)]
    #[finish]
    async fn end(&self) -> Result<Vec<String>> {
        Ok(self.receipts.clone())
    }
}

fn rounds(stage: &Stage, world: World) -> Setup {
    with_tool(stage, WorldTool::of(&world, spec("charge", FOREVER)))
        .with_flow::<Rounds>()
        .with_run(StartRun::new("rounds", json!({})))
        .with_outside(Arc::new(world))
}

/// Tools to which every visit of a step comes under the keys of its first.
struct OneVisit(Arc<dyn ToolCatalog>, Rekey);

impl OneVisit {
    fn of(tools: Arc<dyn ToolCatalog>) -> Arc<dyn ToolCatalog> {
        let first: Mutex<HashMap<EffectPosition, IdempotencyKey>> = Mutex::default();
        let rekey: Rekey = Arc::new(move |call| {
            let mut position = call.position.clone();
            position.step.visit = 1;
            *first.lock().unwrap().entry(position).or_insert(call.key)
        });
        Arc::new(Self(tools, rekey))
    }
}

impl ToolCatalog for OneVisit {
    fn get(&self, name: &str) -> Option<Arc<dyn Tool>> {
        let tool = self.0.get(name)?;
        Some(Arc::new(Rekeyed(tool, self.1.clone())))
    }

    fn specs(&self) -> Vec<ToolSpec> {
        self.0.specs()
    }
}

/// Pays both rounds undisturbed; returns what they brought and what was done.
async fn paid(through: impl FnOnce(Setup) -> Setup) -> (Value, Vec<String>) {
    let world = World::default();
    let setup = async |stage: Stage| through(rounds(&stage, world.clone()));
    let rig = Rig::on(Ground::Memory, 1, setup).await.unwrap();
    let run_id = rig.start(StartRun::new("rounds", json!({}))).await.unwrap();
    let view = rig.drive(run_id).await.unwrap();
    let output = rig.output(&view.projection).await.unwrap();
    (output, world.done().await)
}

#[tokio::test]
async fn each_visit_of_a_cycle_has_keys_of_its_own() {
    let (receipts, done) = paid(|setup| setup).await;
    assert_eq!((receipts, done.len()), (json!(["\"charge-1\"", "\"charge-2\""]), 2));
    let honest = async |stage: Stage| rounds(&stage, World::default());
    Everywhere::new(honest).run().await.assert_safe();
}

#[tokio::test]
async fn without_the_visit_in_its_key_the_second_payment_is_not_made() {
    let (receipts, done) = paid(|setup| setup.with_tools_through(OneVisit::of)).await;
    assert_eq!((receipts, done.len()), (json!(["\"charge-1\"", "\"charge-1\""]), 1));
    let planted =
        async |stage: Stage| rounds(&stage, World::default()).with_tools_through(OneVisit::of);
    let report = Everywhere::new(planted).run().await;
    assert!(says(&report, "I4: `charge` at pay#2"), "{report}");
}
