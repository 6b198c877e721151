//! What a tool that is down costs: few calls beyond those that were asked for, a clear word for the
//! model, and no help needed once it is back.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use mainstay::prelude::*;
use mainstay_core::{
    breaker::{BreakerPolicy, BreakerState},
    budget::Limits,
    model::ModelId,
    port::Clock,
    run::RunStatus,
    tool::{EffectClass, ToolSpec, told_to_model},
};
use mainstay_engine::commands::StartRun;
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, waits},
    tools::{Probe, spec},
};

/// Calls that are made while the tool is down.
const CALLS: u32 = 1_000;

/// Looks so often, side by side or one after the other, and counts what came of it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Looks {
    times: u32,
    side_by_side: bool,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Tally {
    found: u32,
    unavailable: u32,
    told: Vec<String>,
}

impl Tally {
    fn take(&mut self, called: &Called<Value>) {
        match called {
            Called::Found(_) => self.found += 1,
            Called::Failed(failure) => {
                let told = told_to_model(&ToolOutcome::Failed(failure.clone()));
                self.unavailable += u32::from(told.starts_with("The tool is unavailable"));
                let told = told.split(':').next().unwrap_or_default().to_owned();
                if !self.told.contains(&told) {
                    self.told.push(told);
                }
            }
            Called::Empty | Called::Denied(_) | Called::InDoubt(_) => {}
        }
    }
}

#[flow(name = "looks", version = 1)]
impl Looks {
    #[start(grants = ["look"])]
    async fn look(&self, cx: &StepContext) -> Result<Tally> {
        let mut tally = Tally::default();
        if self.side_by_side {
            let look = async |cx: StepContext, n: u32| {
                cx.tool::<(&str, Value)>(("look", json!({ "n": n }))).await
            };
            cx.map(0..self.times, look).await.iter().for_each(|called| tally.take(called));
        } else {
            for n in 0..self.times {
                let called = cx.tool::<(&str, Value)>(("look", json!({ "n": n }))).await;
                tally.take(&called);
            }
        }
        Ok(tally)
    }
}

/// Asks an agent, and a person where the agent could not find out.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Ward {}

const SCRIPT: &str = r"
model: nurse
price: { input_per_million: 1000000, output_per_million: 1000000 }
rules:
  - when: { any: ['unavailable'] }
    reply: { text: I could not find out. }
  - when: { any: ['1 of 5'] }
    reply: { tool_calls: [{ name: look, arguments: { n: 1 } }] }
  - when: { any: ['2 of 5'] }
    reply: { text: all is well }
";

#[flow(name = "ward", version = 1)]
impl Ward {
    #[start(grants = ["look"])]
    async fn ask(&self, cx: &StepContext) -> Result<String> {
        let model: ModelId = "scripted:nurse".parse().unwrap();
        let nurse = Agent::new("nurse", "a nurse", "look after people")
            .with_model(model)
            .with_grants(Grants::from_iter(["look"]))
            .with_turns(5);
        let reply = cx.agent(&nurse, Assignment::of("Look.")).await?;
        if reply.tool_failures.is_empty() {
            return Ok(reply.text);
        }
        let review = Review::of("the nurse could not look", &reply.text);
        Ok(format!("{:?}", cx.review(review).await?))
    }
}

/// Looks once, in a step of five seconds.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Hurry {}

#[flow(name = "hurry", version = 1)]
impl Hurry {
    #[start(grants = ["look"], timeout = "5s")]
    async fn look(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool::<(&str, Value)>(("look", json!({}))).await.required()?)
    }
}

#[tokio::test]
async fn a_call_gets_the_least_of_what_its_tool_its_step_and_its_run_have_left() {
    let run = Limits { wall: Some(2_000), ..Limits::none() };
    for (tool, limits, most) in [(1, Limits::none(), 1), (60, Limits::none(), 5), (60, run, 2)] {
        let Ill { look, down } = ill(|spec| spec.with_timeout(Duration::from_secs(tool)));
        down.store(false, Ordering::SeqCst);
        let rig = World::memory().program(|p| drop(p.flow::<Hurry>().tool(look.clone())));
        let now = rig.clock.now();
        let start = StartRun { limits, ..StartRun::new("hurry", json!({})) };
        let run_id = rig.start_with(start).await;
        rig.completed(run_id).await;
        assert_eq!(look.calls()[0].deadline.since(now), Duration::from_secs(most));
    }
}

struct Ill {
    look: Arc<Probe>,
    down: Arc<AtomicBool>,
}

/// A tool that fails while it is down.
fn ill(change: impl FnOnce(ToolSpec) -> ToolSpec) -> Ill {
    let down = Arc::new(AtomicBool::new(true));
    let is_down = down.clone();
    let look = Probe::of(change(spec("look", EffectClass::Read)), move |_, _| {
        let failed = is_down.load(Ordering::SeqCst);
        std::future::ready(match failed {
            true => Err(ToolFailure::unavailable("connection refused")),
            false => Ok(json!("well")),
        })
    });
    Ill { look, down }
}

fn rig(look: &Arc<Probe>) -> Rig {
    World::memory()
        .program(|p| drop(p.flow::<Looks>().flow::<Ward>().tool(look.clone()).script(SCRIPT)))
}

async fn looks(rig: &Rig, times: u32, side_by_side: bool) -> Value {
    let input = json!({ "times": times, "side_by_side": side_by_side });
    let run_id = rig.start("looks", input).await;
    rig.completed(run_id).await
}

#[tokio::test]
async fn a_total_outage_multiplies_nothing_and_ends_by_itself() {
    let Ill { look, down } = ill(|spec| spec);
    let rig = rig(&look);
    let tally = looks(&rig, CALLS, false).await;
    let amplification = look.count() as f64 / f64::from(CALLS);
    println!("{CALLS} calls asked for, {} made; {tally}", look.count());
    assert!(amplification <= 1.1, "{amplification}");
    assert_eq!(tally["found"], 0);
    assert_eq!(tally["unavailable"], CALLS, "each is told as what it is");
    let state = || rig.runtime.gates.states().into_iter().find(|(name, _)| name == "tool:look");
    assert!(matches!(state(), Some((_, BreakerState::Open { .. }))), "{:?}", state());
    let made = look.count();
    let run_id = rig.start("ward", json!({})).await;
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["review"]));
    assert_eq!(rig.open_review(run_id).await.request.subject, "I could not find out.");
    assert_eq!(look.count(), made, "nobody knocks at an open breaker");
    down.store(false, Ordering::SeqCst);
    rig.clock.advance(Duration::from_secs(31));
    assert_eq!(looks(&rig, 3, false).await["found"], 3, "a probe closes it");
    assert!(matches!(state(), Some((_, BreakerState::Closed))), "{:?}", state());
}

#[tokio::test]
async fn calls_side_by_side_share_the_budget_of_repeats() {
    // Whatever the breaker does: here it never opens.
    let never = BreakerPolicy { window: 1_000_000, ..BreakerPolicy::default() };
    let Ill { look, .. } = ill(|spec| spec.with_breaker(never));
    let rig = rig(&look);
    let tally = looks(&rig, CALLS, true).await;
    assert_eq!(tally["found"], 0);
    let amplification = look.count() as f64 / f64::from(CALLS);
    println!("{CALLS} calls side by side, {} made", look.count());
    println!("figure amplification={amplification} x");
    assert!(amplification <= 1.1, "{amplification}");
}

#[tokio::test]
async fn a_tool_says_itself_when_its_breaker_opens() {
    let policy = BreakerPolicy { window: 4, failure_percent: 100, ..BreakerPolicy::default() };
    let Ill { look, .. } = ill(|spec| spec.with_breaker(policy));
    let _ = looks(&rig(&look), 50, false).await;
    assert!(look.count() <= 5, "{} calls until it opened", look.count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_calls_are_under_way_than_a_tool_takes() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (under_way, peak) = (now.clone(), most.clone());
    let two = NonZeroU32::new(2).unwrap();
    let look = Probe::of(spec("look", EffectClass::Read).with_concurrency(two), move |_, _| {
        let (under_way, peak) = (under_way.clone(), peak.clone());
        async move {
            peak.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(2)).await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            Ok(json!("well"))
        }
    });
    assert_eq!(looks(&rig(&look), 40, true).await["found"], 40);
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_a_call_costs_is_reserved_and_charged() {
    let Ill { look, down } = ill(|spec| spec.with_cost(30_000));
    down.store(false, Ordering::SeqCst);
    let rig = rig(&look);
    let limits = Limits { usd: Some(100_000), ..Limits::none() };
    let input = json!({ "times": 5 });
    let run_id = rig.start_with(StartRun { limits, ..StartRun::new("looks", input) }).await;
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["budget"]));
    assert_eq!(look.count(), 3, "a fourth call could pass the limit");
    assert_eq!(view.projection.ledger.total_spent().usd, 90_000);
}
