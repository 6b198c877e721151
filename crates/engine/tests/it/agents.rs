//! Agents under limits and across crashes, on the engine: each stops before the call that would
//! pass a limit, goes on at the same turn with more, and is charged for what a crash hides.

use std::sync::Arc;

use mainstay::prelude::*;
use mainstay_core::{
    budget::{Dimension, Limits},
    effects::{Asked, Effects},
    id::RunId,
    journal::Entry,
    model::{ModelId, ToolOffer},
    run::RunStatus,
    tool::EffectClass,
    wait::Wait,
};
use mainstay_engine::commands::{RunView, StartRun};
use mainstay_providers::scripted::{Script, Scripted};
use serde_json::{Value, json};

use crate::{
    models::Counted,
    rig::{Rig, World, waits},
    scopes::limited,
    tools::Probe,
};

/// Turns of a clerk that nothing disturbs.
const TURNS: usize = 6;

const SCRIPT: &str = r"
model: clerk
price: { input_per_million: 1000000, output_per_million: 1000000 }
rules:
  - when: { system: ['you are a boss'], any: ['1 of 9'] }
    reply: { tool_calls: [{ name: ask_clerk, arguments: {} }] }
  - when: { system: ['you are a boss'] }
    reply: { text: done }
  - when: { any: ['6 of 9'] }
    reply: { text: done }
    usage: { input_tokens: 100, output_tokens: 100 }
  - capture: { turn: '## Turn\n(\d+) of' }
    reply: { tool_calls: [{ name: look, arguments: { n: '{{turn}}' } }] }
    usage: { input_tokens: 100, output_tokens: 100 }
";

/// Lets an agent, or a boss who asks one, work under limits.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Office {
    limits: String,
    boss: bool,
}

fn clerk(limits: Limits) -> Agent {
    let model: ModelId = "scripted:clerk".parse().unwrap();
    Agent::new("clerk", "a clerk", "look")
        .with_model(model)
        .with_grants(Grants::from_iter(["look"]))
        .with_turns(9)
        .with_max_output_tokens(100)
        .with_limits(limits)
}

/// Asks another agent: one level deeper.
struct AskClerk;

impl Skill for AskClerk {
    fn offer(&self) -> ToolOffer {
        let schema = Arc::new(json!({ "type": "object" }));
        ToolOffer { name: "ask_clerk".into(), description: "Asks the clerk.".into(), schema }
    }

    fn call(&self, on: Arc<dyn Effects>, _: Value) -> Asked<'static, ToolOutcome> {
        let asked = clerk(Limits::none()).work(on, Assignment::of("Look."), Kit::default());
        Box::pin(async move {
            match asked.await {
                Ok(reply) => ToolOutcome::of(json!(reply.text)),
                Err(failure) => ToolOutcome::Failed(ToolFailure::refused(failure.message)),
            }
        })
    }
}

#[flow(name = "office", version = 1)]
impl Office {
    #[start(grants = ["look"])]
    async fn work(&self, cx: &StepContext) -> Result<String> {
        let limits = limited(&self.limits);
        if self.boss {
            let boss = Agent { role: "a boss".into(), ..clerk(limits) };
            let kit = Kit { skills: vec![Arc::new(AskClerk)], ..Kit::default() };
            return Ok(cx.agent_with(&boss, Assignment::of("Look."), kit).await?.text);
        }
        Ok(cx.agent(&clerk(limits), Assignment::of("Look.")).await?.text)
    }
}

struct Desk {
    rig: Rig,
    model: Arc<Counted>,
    look: Arc<Probe>,
}

/// An office whose first look takes five seconds of running time: more would cost a worker its
/// lease.
fn desk(world: &World, hangs_at: Option<usize>) -> Desk {
    let clock = world.clock.clone();
    let look = Probe::new("look", EffectClass::Read, move |call, nth| {
        let seconds = if nth == 1 { 5 } else { 0 };
        clock.advance(std::time::Duration::from_secs(seconds));
        std::future::ready(Ok(call.arguments))
    });
    let model = Counted::hanging_at(SCRIPT, hangs_at);
    let rig = program(world, &model, &look);
    Desk { rig, model, look }
}

fn program(world: &World, model: &Arc<Counted>, look: &Arc<Probe>) -> Rig {
    world.program(|p| {
        p.flow::<Office>().provider(model.clone()).tool(look.clone());
    })
}

async fn start(rig: &Rig, input: Value, limits: Limits) -> RunId {
    rig.start_with(StartRun { limits, ..StartRun::new("office", input) }).await
}

/// The limits at which a run is stopped, and whose each is.
pub(crate) fn stops(view: &RunView) -> Vec<(Dimension, Option<&str>)> {
    let waits = view.projection.wait.as_ref().map(|set| set.waits.as_slice()).unwrap_or_default();
    let stops = waits.iter().filter_map(|wait| match wait {
        Wait::Budget { exhausted, within, .. } => Some((exhausted.dimension, within.as_deref())),
        _ => None,
    });
    stops.collect()
}

/// Stops an agent at a limit of its own and at one of the run, and lets it go on with more.
async fn check(dimension: Dimension, limit: &str, more: &str) {
    let boss = dimension == Dimension::Depth;
    // A run that may be one deep calls an agent; an agent that may be none deep asks nobody.
    let own = if boss { "depth=0" } else { limit };
    for (own, run) in [(own, "depth=9"), ("", limit)] {
        let Desk { rig, model, look } = desk(&World::memory(), None);
        let run_id = start(&rig, json!({ "limits": own, "boss": boss }), limited(run)).await;
        let view = rig.drive(run_id).await;
        assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["budget"]));
        let within = (!own.is_empty()).then_some("agent `clerk`");
        assert_eq!(stops(&view), [(dimension, within)], "one escalation, which says whose");
        let (asked, looked) = (model.count(), look.count());
        rig.drive(run_id).await;
        assert_eq!((model.count(), look.count()), (asked, looked), "nothing more is called");
        rig.runtime.top_up(run_id, limited(more), "ann").await.unwrap();
        assert_eq!(rig.completed(run_id).await, json!("done"));
        let turns = if boss { TURNS + 2 } else { TURNS };
        assert_eq!((model.count(), look.count()), (turns, TURNS - 1), "{dimension:?}: none twice");
    }
}

#[tokio::test]
async fn an_agent_stops_before_the_model_call_that_would_pass_a_limit() {
    check(Dimension::ModelCalls, "model_calls=3", "model_calls=9").await;
}

#[tokio::test]
async fn an_agent_stops_before_the_tool_call_that_would_pass_a_limit() {
    check(Dimension::ToolCalls, "tool_calls=2", "tool_calls=9").await;
}

#[tokio::test]
async fn an_agent_stops_before_the_call_that_could_cost_too_much() {
    check(Dimension::Usd, "usd=0.0008", "usd=0.1").await;
}

#[tokio::test]
async fn an_agent_stops_before_the_call_that_could_take_too_many_tokens() {
    check(Dimension::Tokens, "tokens=800", "tokens=50k").await;
}

#[tokio::test]
async fn an_agent_stops_when_its_running_time_is_used_up() {
    check(Dimension::Wall, "wall=3s", "wall=10m").await;
}

#[tokio::test]
async fn a_delegate_is_not_asked_deeper_than_the_limit() {
    check(Dimension::Depth, "depth=1", "depth=5").await;
}

#[tokio::test]
async fn what_a_server_counted_is_what_is_charged_whichever_turn_was_under_way_at_the_kill() {
    for turn in 1..=TURNS {
        let world = World::memory();
        let first = desk(&world, Some(turn));
        let run_id = start(&first.rig, json!({}), limited("model_calls=50,usd=1")).await;
        let worker = first.rig.worker();
        first.model.asked(turn).await;
        worker.kill().await;
        first.rig.let_leases_lapse();
        let second = program(&world, &first.model, &first.look);
        assert_eq!(second.completed(run_id).await, json!("done"));
        let view = second.view(run_id).await;
        let ledger = &view.projection.ledger;
        assert_eq!(first.model.count(), TURNS + 1, "turn {turn}: only it was asked again");
        assert_eq!(first.look.count(), TURNS - 1);
        assert_eq!(ledger.spent().model_calls, TURNS as u64);
        assert_eq!(ledger.spent_unknown().model_calls, 1, "turn {turn}");
        let answered = view.rows.iter().filter(|(_, entry)| match entry {
            Entry::EffectSettled(settled) => settled.spend.spent.model_calls > 0,
            _ => false,
        });
        assert_eq!(answered.count(), TURNS, "each turn has one outcome");
    }
}

const THINKER: &str = r"
model: clerk
rules:
  - when: { none: ['the tide'] }
    reply: { text: done, reasoning: 'the moon moves the tide' }
  - reply: { text: 'it has read what it thought' }
";

#[tokio::test]
async fn what_a_model_thought_is_kept_apart_and_never_read_by_the_code_or_another_turn() {
    let script = Script::parse("clerk.yaml", THINKER).unwrap();
    let provider = Arc::new(Scripted::new().with_script(script));
    let rig = World::memory().program(|p| drop(p.flow::<Office>().provider(provider.clone())));
    let run_id = start(&rig, json!({ "limits": "" }), Limits::none()).await;
    assert_eq!(rig.completed(run_id).await, json!("done"));
    let view = rig.view(run_id).await;
    let thought = view.rows.iter().find_map(|(row, entry)| match entry {
        Entry::EffectSettled(settled) => {
            let kept = settled.reasoning.as_ref()?;
            let carried = row.payloads.iter().find(|payload| payload.digest() == kept.digest);
            carried.map(|payload| payload.read::<String>().unwrap())
        }
        _ => None,
    });
    assert_eq!(thought.as_deref(), Some("the moon moves the tide"));
    let outcomes = view.rows.iter().flat_map(|(row, entry)| match entry {
        Entry::EffectSettled(settled) => {
            let kept = settled.reasoning.as_ref().map(|kept| kept.digest);
            let others = row.payloads.iter().filter(move |p| Some(p.digest()) != kept);
            others.map(|payload| String::from_utf8_lossy(payload.bytes()).into_owned()).collect()
        }
        _ => Vec::new(),
    });
    let told: Vec<_> = outcomes.filter(|text| text.contains("the tide")).collect();
    assert!(told.is_empty(), "only its own payload holds it: {told:?}");
}
