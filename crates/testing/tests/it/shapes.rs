//! The shapes flows come in, one small flow each: fan-out, timers and signals.
//! The sale has the others: a review, a saga, every effect class.
//!
//! What is done side by side is done in any order: outputs speak of what was done, not of receipts,
//! which the world numbers as calls arrive.

use std::{sync::Arc, time::Duration};

use mainstay::prelude::*;
use mainstay_core::tool::{EffectClass, Tool};
use mainstay_engine::commands::StartRun;
use mainstay_testing::{
    rig::{Setup, Stage},
    world::{World, WorldTool},
};
use mainstay_tools::{Registry, Resources};
use serde_json::json;

use crate::sale::{A_DAY, FOREVER, spec};

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
        .with_flow::<Fan>()
        .with_flow::<Wait>()
        .with_tools(Arc::new(registry), schema)
        .with_signal("ready", json!("it is ready"))
        .with_run(StartRun::new(flow, json!({})))
        .with_outside(Arc::new(world))
}

/// Four items side by side, then two steps side by side, joined.
pub(crate) async fn fan(stage: Stage) -> Setup {
    setup(&stage, "fan")
}

/// A signal that never comes, one that does, and timers long and short.
pub(crate) async fn wait(stage: Stage) -> Setup {
    setup(&stage, "wait")
}
