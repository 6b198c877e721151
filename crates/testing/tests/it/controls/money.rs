//! Without the reservation before a call; without the advance's charge after a crash.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::{
    budget::{Limits, Spend},
    journal::{Entry, JournalRow},
    model::{CallContext, FinishReason, ModelFailure, ModelId, Provider, StreamSink, Usage},
};
use mainstay_engine::commands::StartRun;
use mainstay_testing::{
    crash::{Everywhere, Report},
    rig::{Person, Setup, Stage},
    world::{World, WorldTool},
};
use serde_json::json;

use super::{
    keys::Payment,
    retold::{Retold, replace, truth},
    with_tool, without_checkpoints,
};
use crate::{
    planted::says,
    sale::{FOREVER, spec},
};

/// Tokens that a vendor bills for every question; the budget has room for one.
const BILL: u64 = 60;
const ROOM: u64 = 100;

/// A vendor that says beforehand what it will bill. One that forgets what is under way names
/// nothing as long as what is billed leaves room: each call is held against the limit, and no call
/// against another.
#[derive(Default)]
struct Meter {
    forgetful: bool,
    billed: AtomicU64,
}

#[async_trait]
impl Provider for Meter {
    fn name(&self) -> &'static str {
        "meter"
    }

    fn count_input(&self, _: &ModelId, _: &ModelRequest) -> u64 {
        let fits_alone = self.billed.load(Ordering::Relaxed) + BILL <= ROOM;
        if self.forgetful && fits_alone { 0 } else { BILL }
    }

    async fn call(
        &self,
        model: &ModelId,
        _: &ModelRequest,
        _: &CallContext,
        _: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure> {
        self.billed.fetch_add(BILL, Ordering::Relaxed);
        Ok(ModelReply {
            model: model.to_string(),
            text: "yes".to_owned(),
            tool_calls: Vec::new(),
            reasoning: None,
            json: None,
            usage: Usage::reported(BILL, 1),
            finish: FinishReason::Stop,
            cost: None,
        })
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Council {
    side_by_side: bool,
}

#[flow(name = "council", version = 1)]
impl Council {
    #[start]
    async fn ask(&self, cx: &StepContext) -> Result<Vec<String>> {
        if self.side_by_side {
            let answers = cx.map(["left", "right"], |cx, who| async move { say(&cx, who).await });
            return answers.await.into_iter().collect();
        }
        Ok(vec![say(cx, "left").await?, say(cx, "right").await?])
    }
}

async fn say(cx: &StepContext, who: &str) -> Result<String> {
    let request = ModelRequest::new(Tier::Fast).with_user(who).with_max_output_tokens(1);
    Ok(cx.model(request).await?.text)
}

async fn asked(side_by_side: bool, forgetful: bool) -> Report {
    let setup = move |_| std::future::ready(council(side_by_side, forgetful));
    let report = Everywhere::new(setup).run().await;
    eprintln!("{report}");
    report
}

fn council(side_by_side: bool, forgetful: bool) -> Setup {
    let meter = Meter { forgetful, ..Meter::default() };
    let mut start = StartRun::new("council", json!({ "side_by_side": side_by_side }));
    start.limits.input_tokens = Some(ROOM);
    let more = Limits { input_tokens: Some(ROOM), ..Limits::default() };
    Setup::default()
        .with_flow::<Council>()
        .with_provider(Arc::new(meter))
        .with_default_model("meter:small".parse().unwrap())
        .with_person(Person::default().with_top_up(more))
        .with_run(start)
}

#[tokio::test]
async fn two_calls_that_fit_alone_and_not_together_are_not_sent_together() {
    asked(true, false).await.assert_safe();
}

#[tokio::test]
async fn without_the_reservation_two_calls_overspend_together() {
    let report = asked(true, true).await;
    assert!(says(&report, "input_tokens is 120 of 100"), "{report}");
    // Calls that go one after the other need none.
    asked(false, true).await.assert_safe();
}

/// A payment under a limit with room for one call; whoever wants more gets room for one more.
async fn one_call(stage: Stage) -> Setup {
    let world = World::default();
    let mut start = StartRun::new("payment", json!({}));
    start.limits.tool_calls = Some(1);
    let more = Limits { tool_calls: Some(1), ..Limits::default() };
    let setup = with_tool(&stage, WorldTool::of(&world, spec("charge", FOREVER)))
        .with_flow::<Payment>()
        .with_person(Person::default().with_top_up(more))
        .with_run(start)
        .with_outside(Arc::new(world));
    without_checkpoints(setup)
}

/// Nobody hears of anything that was set aside before the last crash.
fn nothing_set_aside(journal: &mut [JournalRow]) {
    for row in journal {
        if let Entry::Advanced { .. } = row.entry().unwrap() {
            replace(row, &Entry::Advanced { amount: Spend::ZERO });
        }
    }
}

#[tokio::test]
async fn a_call_under_way_at_a_crash_counts_as_spent() {
    let report = Everywhere::new(one_call).with_store(Retold::by(truth)).run().await;
    eprintln!("{report}");
    report.assert_safe();
}

#[tokio::test]
async fn without_the_advance_across_a_crash_a_run_overspends() {
    let plan = Everywhere::new(one_call).with_store(Retold::by(nothing_set_aside));
    let report = plan.run().await;
    assert!(says(&report, "tool_calls is 2 of 1"), "{report}");
}
