//! An agent of twelve turns crashed everywhere: whoever takes over goes on with the next one.

use std::sync::Arc;

use mainstay::prelude::*;
use mainstay_core::tool::{EffectClass, Tool};
use mainstay_engine::commands::StartRun;
use mainstay_providers::scripted::{Script, Scripted};
use mainstay_testing::{
    crash::Everywhere,
    rig::{Ground, Rig, Setup, Stage},
    world::{World, WorldTool},
};
use mainstay_tools::{Registry, Resources};
use serde_json::{Value, json};

use crate::sale::{A_DAY, FOREVER, out_of_stock, spec};

/// A case that an agent works on.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Case {}

#[flow(name = "case", version = 1)]
impl Case {
    #[start(grants = ["find_order", "reserve", "charge", "book_van"])]
    async fn handle(&self, cx: &StepContext) -> Result<String> {
        let tools = Grants::from_iter(["find_order", "reserve", "charge", "book_van"]);
        let clerk = Agent::new("clerk", "a clerk", "close the case").with_grants(tools);
        let reply = cx.agent(&clerk, Assignment::of("Close the case.")).await?;
        Ok(format!("{} after {} calls", reply.text, reply.tool_calls))
    }
}

/// Three calls side by side in the first turn, of three effect classes; one a turn after that; the
/// answer in the twelfth.
const SCRIPT: &str = r"
model: clerk
price: { input_per_million: 150000, output_per_million: 600000 }
latency_ms: 1
rules:
  - when: { all: ['1 of 25'], none: ['11 of 25'] }
    reply:
      tool_calls:
        - { name: find_order, arguments: { order: 1 } }
        - { name: reserve, arguments: { order: 1 } }
        - { name: book_van, arguments: { order: 1 } }
  - when: { all: ['2 of 25'], none: ['12 of 25'] }
    reply: { tool_calls: [{ name: charge, arguments: { cents: 2 } }] }
  - when: { all: ['3 of 25'] }
    reply: { tool_calls: [{ name: book_van, arguments: { order: 3 } }] }
  - when: { all: ['12 of 25'] }
    reply: { text: closed }
  - when: { any: ['4 of 25', '6 of 25', '8 of 25', '10 of 25'] }
    capture: { turn: '## Turn\n(\d+) of' }
    reply: { tool_calls: [{ name: find_order, arguments: { order: '{{turn}}' } }] }
  - capture: { turn: '## Turn\n(\d+) of' }
    reply: { tool_calls: [{ name: reserve, arguments: { order: '{{turn}}' } }] }
";

async fn case(stage: Stage) -> Setup {
    put_up::<Case>(&stage, "case", SCRIPT)
}

/// Puts up a flow that thinks by this script, with a tool of each of three effect classes, under
/// limits.
pub(crate) fn put_up<F: Flow>(stage: &Stage, flow: &str, script: &str) -> Setup {
    let world = World::default();
    let mut registry = Registry::new(Resources::default(), stage.clock());
    for spec in [
        spec("find_order", EffectClass::Read),
        spec("reserve", FOREVER),
        spec("charge", A_DAY),
        spec("book_van", EffectClass::AtMostOnce),
    ] {
        let tool = WorldTool::of(&world, spec).refusing(out_of_stock);
        registry.add(Arc::new(tool) as Arc<dyn Tool>).unwrap();
    }
    let schema = registry.schema();
    let script = Script::parse("clerk.yaml", script).unwrap();
    let mut start = StartRun::new(flow, json!({}));
    start.limits.usd = Some(5_000_000);
    start.limits.tool_calls = Some(100);
    start.limits.model_calls = Some(100);
    Setup::default()
        .with_flow::<F>()
        .with_tools(Arc::new(registry), schema)
        .with_provider(Arc::new(Scripted::new().with_script(script)))
        .with_default_model("scripted:clerk".parse().unwrap())
        .with_run(start)
        .with_outside(Arc::new(world))
}

/// Crashes a setup everywhere, which calls so many models and tools when nothing disturbs it.
pub(crate) async fn crash<S, F>(setup: S, ground: Ground, calls: (usize, usize))
where
    S: Fn(Stage) -> F + Send + Sync + 'static,
    F: Future<Output = Setup> + 'static,
{
    let report = Everywhere::new(setup).on(ground).run().await;
    eprintln!("{report}");
    let of = |what: &str| report.points.iter().filter(|point| point.what.contains(what)).count();
    assert_eq!((of("model:"), of("tool:")), calls, "{report}");
    println!("figure crash_points={} points", report.points.len());
    println!("figure findings={} findings", report.findings.len());
    report.assert_safe();
}

/// Checks what the run of a setup returns that nothing disturbs.
pub(crate) async fn returns<F>(setup: fn(Stage) -> F, flow: &str, expected: Value)
where
    F: Future<Output = Setup>,
{
    let rig = Rig::on(Ground::Memory, 7, setup).await.unwrap();
    rig.store().migrate(()).await.unwrap();
    let run_id = rig.start(StartRun::new(flow, json!({}))).await.unwrap();
    let mut view = rig.drive(run_id).await.unwrap();
    while rig.decide(run_id).await.unwrap() > 0 {
        view = rig.drive(run_id).await.unwrap();
    }
    assert_eq!(rig.output(&view.projection).await.unwrap(), expected, "{:?}", view.row);
}

async fn check(ground: Ground) {
    crash(case, ground, (12, 13)).await;
}

#[tokio::test]
async fn an_agent_of_twelve_turns_survives_every_crash_in_memory() {
    check(Ground::Memory).await;
}

#[tokio::test]
async fn an_agent_of_twelve_turns_survives_every_crash_on_sqlite() {
    check(Ground::Sqlite).await;
}

#[tokio::test]
async fn an_agent_of_twelve_turns_survives_every_crash_on_postgres() {
    check(Ground::Postgres).await;
}
