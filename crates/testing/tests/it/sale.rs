//! A sale: the flow of these tests, with one of everything that can go wrong.

use std::{sync::Arc, time::Duration};

use mainstay::prelude::*;
use mainstay_core::tool::{EffectClass, KeyValidity, Reversibility, Tool, ToolSpec};
use mainstay_engine::commands::StartRun;
use mainstay_providers::scripted::{Script, Scripted};
use mainstay_testing::{
    rig::{Setup, Stage},
    world::{World, WorldTool},
};
use mainstay_tools::{Registry, Resources};
use serde_json::{Value, json};

/// An order on its way to the customer.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Sale {
    order: String,
    cents: i64,
    receipts: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Verdict {
    honest: bool,
}

#[derive(Route)]
enum Size {
    Small,
    Large,
}

#[flow(name = "sale", version = 1)]
impl Sale {
    #[start(grants = ["find_order"])]
    async fn look_up(&self, cx: &StepContext) -> Result<String> {
        cx.now().await;
        cx.random().await;
        let found = cx.tool(("find_order", json!({ "order": self.order }))).await.required()?;
        Ok(found["about"]["order"].to_string())
    }

    #[listen(look_up)]
    async fn judge(&self, cx: &StepContext, found: &String) -> Result<Verdict> {
        let request = ModelRequest::new(Tier::Fast)
            .with_user(format!("Is order {found} honest?"))
            .with_max_output_tokens(50);
        Ok(cx.ask_for(request).await?)
    }

    #[router(judge)]
    fn size(&self, verdict: &Verdict) -> Size {
        if self.cents > 10_000 || !verdict.honest { Size::Large } else { Size::Small }
    }

    #[listen(Size::Large)]
    async fn approve(&self, cx: &StepContext) -> Result<bool> {
        let review = Review::of("ship a large order?", &json!({ "cents": self.cents }));
        let outcome = cx.review(review.with_expiry(Duration::from_secs(86_400))).await?;
        Ok(matches!(outcome, ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. }))
    }

    #[listen(look_up)]
    #[step(compensate = release, grants = ["reserve"])]
    async fn reserve(&self, cx: &StepContext) -> Result<String> {
        let receipt = cx.tool(("reserve", json!({ "order": self.order }))).await.required()?;
        Ok(text(&receipt))
    }

    #[listen(and_(reserve, or_(approve, Size::Small)))]
    #[step(compensate = pay_back, grants = ["charge"])]
    async fn pay(&mut self, cx: &StepContext, #[from(reserve)] held: &String) -> Result<String> {
        let receipt = cx.tool(("charge", json!({ "cents": self.cents }))).await.required()?;
        self.receipts.extend([String::clone(held), text(&receipt)]);
        Ok(text(&receipt))
    }

    #[listen(pay)]
    async fn cool_down(&self, cx: &StepContext) -> Result<()> {
        cx.sleep(Duration::from_secs(1)).await;
        cx.sleep(Duration::from_secs(3_600)).await;
        Ok(())
    }

    #[listen(cool_down)]
    #[step(grants = ["send_parcel", "book_van"])]
    async fn send(&mut self, cx: &StepContext) -> Result<String> {
        let parcel = cx.tool(("send_parcel", json!({ "order": self.order }))).await.required()?;
        let van = cx.tool(("book_van", json!({ "order": self.order }))).await.required()?;
        self.receipts.extend([text(&parcel), text(&van)]);
        Ok(text(&van))
    }

    #[listen(send)]
    #[finish]
    async fn thank(&self, cx: &StepContext) -> Result<String> {
        let request = ModelRequest::new(Tier::Fast)
            .with_user(format!("Thank for {}", self.receipts.join(", ")))
            .with_max_output_tokens(50);
        let reply = cx.model(request).await?;
        cx.emit("sale.sent", &json!({ "order": self.order })).await?;
        Ok(reply.text)
    }

    #[step(grants = ["release"])]
    async fn release(&self, cx: &StepContext, held: &String) -> Result<()> {
        cx.tool(("release", json!({ "held": held }))).await.found()?;
        Ok(())
    }

    #[step(grants = ["pay_back"])]
    async fn pay_back(&self, cx: &StepContext, paid: &String) -> Result<()> {
        cx.tool(("pay_back", json!({ "paid": paid }))).await.found()?;
        Ok(())
    }
}

fn text(receipt: &Value) -> String {
    receipt["receipt"].as_str().unwrap_or_default().to_owned()
}

const SCRIPT: &str = r"
model: clerk
price: { input_per_million: 150000, output_per_million: 600000 }
latency_ms: 1
rules:
  - when: { output: Verdict }
    reply: { json: { honest: true } }
  - reply: { text: 'Thank you for your order.' }
";

pub(crate) const FOREVER: EffectClass =
    EffectClass::Idempotent { key_valid_for: KeyValidity::Forever };
pub(crate) const A_DAY: EffectClass =
    EffectClass::Idempotent { key_valid_for: KeyValidity::For(Duration::from_secs(86_400)) };
const FOUND_SOON: EffectClass =
    EffectClass::Reconcilable { visible_within: Duration::from_secs(5) };

pub(crate) fn spec(name: &str, effect: EffectClass) -> ToolSpec {
    let anything = json!({ "type": "object", "additionalProperties": true });
    ToolSpec::new(name, anything)
        .with_effect(effect)
        .with_reversibility(Reversibility::Reversible)
        .with_timeout(Duration::from_secs(5))
}

/// What is lost can be neither reserved nor sent.
pub(crate) fn out_of_stock(arguments: &Value) -> Option<ToolFailure> {
    (arguments["order"] == "lost").then(|| ToolFailure::refused("it is not on the shelf"))
}

/// The tools of a sale, each honest about what a repeat does.
pub(crate) fn tools(world: &World) -> Vec<WorldTool> {
    vec![
        WorldTool::of(world, spec("find_order", EffectClass::Read)),
        WorldTool::of(world, spec("reserve", FOREVER)),
        WorldTool::of(world, spec("charge", A_DAY)),
        WorldTool::of(world, spec("send_parcel", FOUND_SOON)).refusing(out_of_stock),
        WorldTool::of(world, spec("book_van", EffectClass::AtMostOnce)),
        WorldTool::of(world, spec("release", FOREVER)),
        WorldTool::of(world, spec("pay_back", A_DAY)),
    ]
}

/// Puts a sale up, with these tools on this world.
pub(crate) fn setup_with(stage: &Stage, world: World, tools: Vec<WorldTool>, order: &str) -> Setup {
    let mut registry = Registry::new(Resources::default(), stage.clock());
    for tool in tools {
        registry.add(Arc::new(tool) as Arc<dyn Tool>).unwrap();
    }
    let schema = registry.schema();
    let script = Script::parse("clerk.yaml", SCRIPT).unwrap();
    let mut start = StartRun::new("sale", json!({ "order": order, "cents": 25_000 }));
    start.limits.usd = Some(1_000_000);
    start.limits.tool_calls = Some(100);
    Setup::default()
        .with_flow::<Sale>()
        .with_tools(Arc::new(registry), schema)
        .with_provider(Arc::new(Scripted::new().with_script(script)))
        .with_default_model("scripted:clerk".parse().unwrap())
        .with_run(start)
        .with_outside(Arc::new(world))
}

/// A sale that goes through.
pub(crate) async fn sold(stage: Stage) -> Setup {
    let world = World::default();
    setup_with(&stage, world.clone(), tools(&world), "4711")
}

/// A sale that fails at the parcel: everything before it is undone.
pub(crate) async fn undone(stage: Stage) -> Setup {
    let world = World::default();
    setup_with(&stage, world.clone(), tools(&world), "lost")
}
