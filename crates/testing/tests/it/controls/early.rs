//! Without the pause of an early takeover: the old owner's action may still land.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::{
    port::Clock,
    store::{
        Store, StoreError,
        operation::{Operation, Reply},
    },
    tool::{EffectClass, Tool, ToolCall, ToolSpec},
};
use mainstay_engine::commands::StartRun;
use mainstay_testing::{
    clock::SimulatedClock,
    rig::{Setup, Stage},
    schedule::{Report, Schedules},
    world::{World, WorldTool},
};
use serde_json::{Value, json};

use super::with_tool;
use crate::sale::spec;

/// So long an order is on its way. Schedules give leases of three seconds, of which a worker trusts
/// two: what it sends last arrives within its lease.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// Takeovers by mistake in one schedule at most.
const MISTAKES: u32 = 2;

/// A van is ordered by letter: once it is in the post, nothing that becomes of its sender holds it
/// up. Whoever receives it heeds its deadline.
struct ByLetter {
    tool: WorldTool,
    clock: Arc<SimulatedClock>,
}

#[async_trait]
impl Tool for ByLetter {
    fn spec(&self) -> &ToolSpec {
        self.tool.spec()
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let (tool, clock) = (self.tool.clone(), self.clock.clone());
        let letter = tokio::spawn(async move {
            clock.sleep(ON_ITS_WAY).await;
            if clock.now() > call.deadline {
                return Err(ToolFailure::refused("it came too late"));
            }
            tool.call(call).await
        });
        letter.await.unwrap()
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Move {}

#[flow(name = "move", version = 1)]
impl Move {
    #[start(grants = ["book_van"])]
    async fn book(&self, cx: &StepContext) -> Result<String> {
        cx.tool(("book_van", json!({ "when": "noon" }))).await.required()?;
        Ok("booked".to_owned())
    }
}

async fn move_house(stage: Stage) -> Setup {
    let world = World::default();
    let tool = WorldTool::of(&world, spec("book_van", EffectClass::AtMostOnce));
    with_tool(&stage, ByLetter { tool, clock: stage.clock() })
        .with_flow::<Move>()
        .with_run(StartRun::new("move", json!({})))
        .with_outside(Arc::new(world))
}

/// A store that takes living workers for dead, as when their control connections break.
struct Mistaken {
    store: Arc<dyn Store>,
    made: AtomicU32,
    /// Whether it lets the new owner pause.
    pauses: bool,
}

#[async_trait]
impl Store for Mistaken {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        if let Operation::TakeOver(_) = &operation {
            self.made.fetch_add(1, Ordering::Relaxed);
        }
        let mut reply = self.store.execute(operation).await?;
        if let Reply::Sessions(rows) = &mut reply
            && self.made.load(Ordering::Relaxed) < MISTAKES
        {
            rows.iter_mut().for_each(|row| row.lock_free |= row.runs > 0);
        }
        if let Reply::Claim(runs) = &mut reply
            && !self.pauses
        {
            runs.iter_mut().for_each(|run| run.reads_only_for = Duration::ZERO);
        }
        Ok(reply)
    }
}

async fn taken_over_by_mistake(pauses: bool) -> Report {
    let mistaken = move |store| -> Arc<dyn Store> {
        Arc::new(Mistaken { store, made: AtomicU32::new(0), pauses })
    };
    let plan = Schedules::new().with_setup("move", move_house).with_seeds(0..300);
    plan.with_store(mistaken).run().await
}

#[tokio::test]
async fn a_run_taken_over_early_waits_for_what_is_on_its_way() {
    let report = taken_over_by_mistake(true).await;
    eprintln!("{report}");
    report.assert_safe();
}

#[tokio::test]
async fn without_the_pause_of_an_early_takeover_a_van_is_booked_twice() {
    let report = taken_over_by_mistake(false).await;
    let mut wrong = report.findings.iter().flat_map(|finding| &finding.wrong);
    assert!(wrong.any(|line| line.contains("I6: it did")), "{report}");
}
