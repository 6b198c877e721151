//! The shapes flows come in, one small flow each: fan-out, timers and signals, a parent with
//! children, reviews. The sale has the others: a saga, every effect class.
//!
//! What is done side by side is done in any order: outputs speak of what was done, not of receipts,
//! which the world numbers as calls arrive.

use std::{sync::Arc, time::Duration};

use mainstay::prelude::*;
use mainstay_core::tool::{EffectClass, Tool};
use mainstay_engine::commands::StartRun;
use mainstay_testing::{
    rig::{Person, Setup, Stage},
    schedule::Schedules,
    world::{World, WorldTool},
};
use mainstay_tools::{Registry, Resources};
use serde_json::json;

use crate::sale::{self, A_DAY, FOREVER, spec};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Fan {}

#[flow(name = "fan", version = 1)]
impl Fan {
    #[start(grants = ["reserve", "charge"])]
    async fn spread(&self, cx: &StepContext) -> Result<Vec<String>> {
        let receipts = cx.map(0..4, |cx, item| async move {
            cx.tool(("reserve", json!({ "what": item }))).await.required()?;
            cx.tool(("charge", json!({ "what": item }))).await.required()?;
            Ok::<_, Failure>(format!("paid {item}"))
        });
        receipts.await.into_iter().map(|receipt| Ok(receipt?)).collect()
    }

    #[listen(spread)]
    #[step(grants = ["charge"])]
    async fn left(&mut self, cx: &StepContext) -> Result<String> {
        cx.tool(("charge", json!({ "what": "left" }))).await.required()?;
        Ok("paid left".to_owned())
    }

    #[listen(spread)]
    #[step(grants = ["find"])]
    async fn right(&self, cx: &StepContext) -> Result<String> {
        let found = cx.tool(("find", json!({ "what": "right" }))).await.required()?;
        Ok(found["about"]["what"].to_string())
    }

    #[listen(and_(left, right))]
    #[finish]
    async fn gather(
        &self,
        _: &StepContext,
        #[from(spread)] all: &Vec<String>,
        #[from(left)] left: &String,
        #[from(right)] right: &String,
    ) -> Result<Vec<String>> {
        Ok(all.iter().chain([left, right]).cloned().collect())
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Wait {
    told: Vec<String>,
}

#[flow(name = "wait", version = 1)]
impl Wait {
    #[start]
    async fn expect(&self, cx: &StepContext) -> Result<String> {
        let early: Option<String> = cx.signal_within("never", Duration::from_secs(60)).await?;
        let told: String = cx.signal("ready").await?;
        Ok(early.unwrap_or(told))
    }

    #[start]
    async fn rest(&self, cx: &StepContext) -> Result<()> {
        cx.sleep(Duration::from_secs(1)).await;
        cx.sleep(Duration::from_secs(7_200)).await;
        Ok(())
    }

    #[listen(and_(expect, rest))]
    #[step(grants = ["charge"])]
    async fn go(&mut self, cx: &StepContext, #[from(expect)] told: &String) -> Result<String> {
        cx.tool(("charge", json!({ "what": told }))).await.required()?;
        self.told.push(String::clone(told));
        Ok(format!("paid, because {told}"))
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Child {
    part: u32,
}

#[flow(name = "child", version = 1)]
impl Child {
    #[start(grants = ["reserve", "charge"])]
    async fn buy(&self, cx: &StepContext) -> Result<String> {
        cx.tool(("reserve", json!({ "part": self.part }))).await.required()?;
        cx.tool(("charge", json!({ "part": self.part }))).await.required()?;
        Ok(format!("bought {}", self.part))
    }

    #[listen(buy)]
    async fn wrap(&self, cx: &StepContext, bought: &String) -> Result<String> {
        cx.sleep(Duration::from_secs(1)).await;
        if self.part == 9 {
            return Err(StepError::new("part 9 is not to be had"));
        }
        Ok(format!("{bought} and wrapped it"))
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Parent {
    heard: Vec<String>,
}

#[flow(name = "parent", version = 1)]
impl Parent {
    #[start]
    async fn spread(&self, cx: &StepContext) -> Result<Vec<String>> {
        let parts =
            cx.map([1, 2], |cx, part| async move { cx.run_flow::<String>(one_part(part)).await });
        parts.await.into_iter().map(|part| Ok(part?)).collect()
    }

    #[listen(spread)]
    async fn order(&mut self, cx: &StepContext, all: &Vec<String>) -> Result<Vec<String>> {
        let third: String = cx.run_flow(one_part(3)).await?;
        let none: Result<String, Failure> = cx.run_flow(one_part(9)).await;
        let none = none.err().map(|failure| failure.message).unwrap_or_default();
        self.heard = all.iter().cloned().chain([third, none]).collect();
        Ok(self.heard.clone())
    }

    #[listen(order)]
    #[step(grants = ["charge"])]
    async fn close(&self, cx: &StepContext) -> Result<String> {
        cx.tool(("charge", json!({ "what": "the whole" }))).await.required()?;
        Ok(self.heard.join(", "))
    }
}

fn one_part(part: u32) -> ChildRun {
    ChildRun::of("child", &json!({ "part": part }))
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Paper {
    draft: String,
}

/// Two people side by side, one of whom amends; a third refuses.
#[flow(name = "paper", version = 1)]
impl Paper {
    #[start(grants = ["reserve"])]
    async fn write(&mut self, cx: &StepContext) -> Result<String> {
        cx.tool(("reserve", json!({ "what": "a page" }))).await.required()?;
        self.draft = "a draft".to_owned();
        Ok(self.draft.clone())
    }

    #[listen(write)]
    async fn read(&self, cx: &StepContext, draft: &String) -> Result<Vec<String>> {
        let readers = cx.map(["grammar", "facts"], |cx, what| {
            let review = Review::of(what, &json!({ "draft": draft }));
            async move { Ok::<_, Failure>(verdict(what, &cx.review(review).await?)) }
        });
        readers.await.into_iter().map(|verdict| Ok(verdict?)).collect()
    }

    #[listen(read)]
    #[step(grants = ["charge"])]
    async fn publish(&mut self, cx: &StepContext, verdicts: &Vec<String>) -> Result<Vec<String>> {
        let again = cx.review(Review::of("again?", &json!({ "draft": self.draft }))).await?;
        cx.tool(("charge", json!({ "what": "print" }))).await.required()?;
        self.draft = verdicts.join(", ");
        Ok(verdicts.iter().cloned().chain([verdict("again", &again)]).collect())
    }
}

fn verdict(what: &str, outcome: &ReviewOutcome) -> String {
    match outcome {
        ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. } => format!("{what}: yes"),
        ReviewOutcome::Decided { decision: Decision::Amend { subject, .. }, .. } => {
            format!("{what}: {subject}")
        }
        ReviewOutcome::Decided { .. } => format!("{what}: no"),
        ReviewOutcome::Expired => format!("{what}: nobody"),
    }
}

/// Every shape, the sale's included, to be played under fault schedules.
pub(crate) fn all() -> Schedules {
    Schedules::new()
        .with_setup("sale", sale::sold)
        .with_setup("saga", sale::undone)
        .with_setup("fan", fan)
        .with_setup("wait", wait)
        .with_setup("parent", parent)
        .with_setup("paper", paper)
}

fn setup(stage: &Stage, flow: &str) -> Setup {
    let world = World::default();
    let mut registry = Registry::new(Resources::default(), stage.clock());
    for tool in [
        WorldTool::of(&world, spec("find", EffectClass::Read)),
        WorldTool::of(&world, spec("reserve", FOREVER)),
        WorldTool::of(&world, spec("charge", A_DAY)),
    ] {
        registry.add(Arc::new(tool) as Arc<dyn Tool>).unwrap();
    }
    let schema = registry.schema();
    Setup::default()
        .with_person(Person::answering(|review| match review.title.as_str() {
            "facts" => Decision::Amend { subject: json!("three facts"), note: None },
            "again?" => Decision::Reject { reason: "it is fine as it is".into() },
            _ => Decision::Approve { note: None },
        }))
        .with_tools(Arc::new(registry), schema)
        .with_signal("ready", json!("it is ready"))
        .with_run(StartRun::new(flow, json!({})))
        .with_outside(Arc::new(world))
}

/// Four items side by side, then two steps side by side, joined.
pub(crate) async fn fan(stage: Stage) -> Setup {
    setup(&stage, "fan").with_flow::<Fan>()
}

/// A signal that never comes, one that does, and timers long and short.
pub(crate) async fn wait(stage: Stage) -> Setup {
    setup(&stage, "wait").with_flow::<Wait>()
}

/// A parent with two children side by side, then two one after the other, of which one fails.
pub(crate) async fn parent(stage: Stage) -> Setup {
    setup(&stage, "parent").with_flow::<Parent>().with_flow::<Child>()
}

/// People side by side, one of whom amends, and one who refuses.
pub(crate) async fn paper(stage: Stage) -> Setup {
    setup(&stage, "paper").with_flow::<Paper>()
}
