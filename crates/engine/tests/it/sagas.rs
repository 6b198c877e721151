//! How runs end other than well: undone in reverse, partly, by a person.

use std::sync::Arc;

use mainstay::prelude::*;
use mainstay_core::{journal::Entry, run::RunStatus, tool::EffectClass};
use mainstay_engine::commands::RunView;
use serde_json::{Value, json};

use crate::{
    rig::{World, waits},
    tools::{FOREVER, Probe},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Trip {
    with_review: bool,
}

#[flow(name = "trip", version = 1)]
impl Trip {
    #[start(grants = ["book"])]
    #[step(compensate = cancel_flight)]
    async fn flight(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("book", json!({"what": "flight"}))).await.required()?)
    }

    #[listen(flight, grants = ["book"])]
    #[step(compensate = cancel_hotel)]
    async fn hotel(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("book", json!({"what": "hotel"}))).await.required()?)
    }

    #[listen(hotel)]
    async fn ask(&self, cx: &StepContext) -> Result<()> {
        if self.with_review {
            let _ = cx.review(Review::of("a good trip?", &json!({}))).await?;
        }
        Ok(())
    }

    #[listen(hotel, grants = ["fail"])]
    async fn car(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("fail", json!({}))).await.required()?)
    }

    #[listen(and_(ask, car))]
    async fn done(&self) -> Result<String> {
        Ok("bon voyage".to_owned())
    }

    #[step(grants = ["unbook"])]
    async fn cancel_flight(&self, cx: &StepContext, flight: &Value) -> Result<()> {
        let _: Value = cx.tool(("unbook", json!({"what": flight}))).await.required()?;
        Ok(())
    }

    #[step(grants = ["unbook"])]
    async fn cancel_hotel(&self, cx: &StepContext, hotel: &Value) -> Result<()> {
        let _: Value = cx.tool(("unbook", json!({"what": hotel}))).await.required()?;
        Ok(())
    }
}

struct Agency {
    book: Arc<Probe>,
    unbook: Arc<Probe>,
    fail: Arc<Probe>,
}

impl Agency {
    /// An agency that can undo everything but what is named.
    fn that_cannot_undo(what: &'static str) -> Self {
        let book = |call: mainstay_core::tool::ToolCall, _| {
            std::future::ready(Ok(call.arguments["what"].clone()))
        };
        let unbook = move |call: mainstay_core::tool::ToolCall, _| {
            let refused = call.arguments["what"] == what;
            let no = ToolFailure::refused("too late");
            std::future::ready(if refused { Err(no) } else { Ok(json!("undone")) })
        };
        let fail = |_, _| std::future::ready(Err(ToolFailure::refused("no cars left")));
        Self {
            book: Probe::new("book", FOREVER, book),
            unbook: Probe::new("unbook", FOREVER, unbook),
            fail: Probe::new("fail", FOREVER, fail),
        }
    }

    fn undone(&self) -> Vec<Value> {
        self.unbook.arguments().iter().map(|asked| asked["what"].clone()).collect()
    }

    async fn travel(&self, with_review: bool) -> RunView {
        let tools = [&self.book, &self.unbook, &self.fail];
        let rig = World::memory().program(|p| {
            p.flow::<Trip>();
            tools.into_iter().for_each(|tool| drop(p.tool(tool.clone())));
        });
        let run_id = rig.start("trip", json!({"with_review": with_review})).await;
        rig.drive(run_id).await
    }
}

#[tokio::test]
async fn a_failed_run_is_undone_last_first_with_the_values_it_had() {
    let agency = Agency::that_cannot_undo("nothing");
    let view = agency.travel(false).await;
    assert_eq!(view.row.status, RunStatus::Failed);
    assert_eq!(agency.undone(), [json!("hotel"), json!("flight")]);
    let failure = view.projection.finished.unwrap().failure.unwrap();
    assert!(failure.message.contains("no cars left"), "{failure}");
}

#[tokio::test]
async fn a_run_is_undone_although_a_sibling_waits_for_a_person() {
    let agency = Agency::that_cannot_undo("nothing");
    let view = agency.travel(true).await;
    assert_eq!(view.row.status, RunStatus::Failed);
    assert_eq!(agency.undone(), [json!("hotel"), json!("flight")]);
}

#[tokio::test]
async fn what_cannot_be_undone_makes_the_end_partial_and_the_rest_is_undone_all_the_same() {
    let agency = Agency::that_cannot_undo("hotel");
    let view = agency.travel(false).await;
    assert_eq!(view.row.status, RunStatus::Partial);
    assert_eq!(agency.undone(), [json!("hotel"), json!("flight")]);
    let undone = &view.projection.undone;
    assert_eq!(undone.len(), 2);
    assert!(undone[0].1.is_some() && undone[1].1.is_none(), "{undone:?}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Job {}

#[flow(name = "job", version = 1)]
impl Job {
    #[start(grants = ["open"])]
    #[step(compensate = close)]
    async fn open(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("open", json!({}))).await.required()?)
    }

    #[listen(open, grants = ["work"])]
    async fn work(&self, cx: &StepContext) -> Result<String> {
        let _: Value = cx.tool(("work", json!({}))).await.required()?;
        cx.signal::<Value>("go").await?;
        Ok("worked".to_owned())
    }

    #[step(grants = ["close"])]
    async fn close(&self, cx: &StepContext) -> Result<()> {
        let _: Value = cx.tool(("close", json!({}))).await.required()?;
        Ok(())
    }
}

#[tokio::test]
async fn a_cancellation_reaches_a_parked_run_and_undoes_it() {
    let tool = |name| Probe::fixed(name, FOREVER, json!(name));
    let (open, work, close) = (tool("open"), tool("work"), tool("close"));
    let rig = World::memory().program(|p| {
        p.flow::<Job>().tool(open.clone()).tool(work.clone()).tool(close.clone());
    });
    let run_id = rig.start("job", json!({})).await;
    assert_eq!(waits(&rig.drive(run_id).await.row), ["signal"]);
    rig.runtime.cancel(run_id, "ann", "enough").await.unwrap();
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, close.count()), (RunStatus::Cancelled, 1));
    rig.runtime.cancel(run_id, "ann", "again").await.expect("cancelling twice is cancelling");
    let refused = rig.runtime.signal(run_id, "go", &json!(1), "k").await.unwrap_err();
    assert_eq!(refused.code.to_string(), "MS-1009");
}

#[tokio::test]
async fn a_cancellation_reaches_a_run_in_a_call_that_never_ends() {
    let tool = |name| Probe::fixed(name, FOREVER, json!(name));
    let (open, close) = (tool("open"), tool("close"));
    let work = Probe::hanging_once("work", EffectClass::Read, json!("done"));
    let rig = World::memory().program(|p| {
        p.flow::<Job>().tool(open.clone()).tool(work.clone()).tool(close.clone());
    });
    let run_id = rig.start("job", json!({})).await;
    let worker = rig.worker();
    work.called(1).await;
    rig.runtime.cancel(run_id, "ann", "enough").await.unwrap();
    // The next beat's answer names the run.
    rig.clock.advance(std::time::Duration::from_secs(4));
    rig.wait_for(run_id, |row| row.status == RunStatus::Cancelled).await;
    worker.stop().await;
    assert_eq!((work.count(), close.count()), (1, 1));
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Both {}

#[flow(name = "both", version = 1)]
impl Both {
    #[start(grants = ["transfer"])]
    async fn transfer(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("transfer", json!({}))).await.required()?)
    }

    #[start(grants = ["fail"])]
    async fn fail(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("fail", json!({}))).await.required()?)
    }

    #[listen(and_(transfer, fail))]
    async fn end(&self) -> Result<()> {
        Err(StepError::new("never reached"))
    }
}

#[tokio::test]
async fn an_action_in_doubt_is_not_forgotten_by_a_run_that_fails() {
    let world = World::memory();
    let transfer = Probe::hanging_once("transfer", EffectClass::AtMostOnce, json!("sent"));
    let fail = Probe::new("fail", EffectClass::Read, |_, _| {
        std::future::ready(Err(ToolFailure::refused("no")))
    });
    let program =
        || world.program(|p| drop(p.flow::<Both>().tool(transfer.clone()).tool(fail.clone())));
    let first = program();
    let run_id = first.start("both", json!({})).await;
    let worker = first.worker();
    transfer.called(1).await;
    first.wait_for_entry(run_id, |entry| matches!(entry, Entry::Unwinding { .. })).await;
    worker.kill().await;
    first.let_leases_lapse();

    let view = program().drive(run_id).await;
    assert_ne!(view.row.status, RunStatus::Failed, "money may have moved, and nobody is told");
    assert_eq!(transfer.count(), 1);
}
