//! Limits: refused before the call, kept by many runs at once, across crashes, in children.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use mainstay::prelude::*;
use mainstay_core::{
    budget::{Dimension, Limits, Measure},
    journal::Entry,
    model::ModelId,
    port::Clock,
    run::RunStatus,
    tool::EffectClass,
};
use mainstay_engine::{
    commands::{RunView, StartRun},
    journal,
};
use serde_json::{Value, json};

use crate::{
    models::{Counted, Dice},
    rig::{Rig, World, waits},
    tools::Probe,
};

async fn start(rig: &Rig, flow: &str, limits: Limits) -> mainstay_core::id::RunId {
    rig.start_with(StartRun { limits, ..StartRun::new(flow, json!({})) }).await
}

/// Folds the journal entry by entry: at no place is more spent or set aside than the limits allow.
pub(crate) fn check_never_over(rig: &Rig, view: &RunView) {
    let wiring = &rig.runtime.flows.get(&view.row.flow).unwrap().wiring;
    let rows: Vec<_> = view.rows.iter().map(|(row, _)| row.clone()).collect();
    for end in 1..=rows.len() {
        let run = journal::fold(view.row.run_id, &rows[..end], wiring).unwrap();
        for dimension in Dimension::ALL.iter().copied().filter(|d| d.measure() != Measure::Time) {
            let Some(limit) = run.ledger.limits().get(dimension) else { continue };
            if dimension == Dimension::Depth || dimension == Dimension::Wall {
                continue;
            }
            let used = run.ledger.total_spent().get(dimension) + run.ledger.reserved(dimension);
            assert!(used <= limit, "{dimension:?} {used} of {limit} at position {end}");
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Gamble {}

#[flow(name = "gamble", version = 1)]
impl Gamble {
    #[start]
    async fn alone(&self, cx: &StepContext) -> Result<u32> {
        for n in 0..6 {
            ask(cx.clone(), n).await;
        }
        Ok(6)
    }

    #[start]
    async fn together(&self, cx: &StepContext) -> Result<u32> {
        cx.map(10..16, ask).await;
        Ok(6)
    }

    #[listen(and_(alone, together))]
    async fn end(&self) -> Result<String> {
        Ok("done".to_owned())
    }
}

/// Rolls the dice once, for at most sixty tokens.
pub(crate) async fn ask(cx: StepContext, n: u32) {
    let model: ModelId = "dice:any".parse().unwrap();
    let request = ModelRequest::new(model).with_user(format!("roll {n}"));
    let _ = cx.model(request.with_max_output_tokens(60)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_runs_with_random_usage_never_exceed_their_limits() {
    let rig = World::memory().program(|p| drop(p.flow::<Gamble>().provider(Arc::new(Dice))));
    let mut runs = Vec::new();
    for n in 0..32 {
        let limits = Limits {
            usd: Some(1_000 + n * 400),
            tokens: (n % 2 == 0).then_some(200 + n * 30),
            model_calls: (n % 3 == 0).then_some(5 + n / 4),
            ..Limits::none()
        };
        runs.push(start(&rig, "gamble", limits).await);
    }
    let worker = rig.worker();
    let mut parked = 0;
    for run_id in &runs {
        let row = rig.settled(*run_id).await;
        parked += usize::from(row.status == RunStatus::Parked);
    }
    worker.stop().await;
    assert!((1..32).contains(&parked), "some limits were reached and some were not: {parked}");
    for run_id in runs {
        let view = rig.view(run_id).await;
        check_never_over(&rig, &view);
        if view.row.status == RunStatus::Parked {
            assert_eq!(waits(&view.row), ["budget"]);
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Thrifty {}

#[flow(name = "thrifty", version = 1)]
impl Thrifty {
    #[start(grants = ["look"], budget = "tool_calls=2")]
    async fn look(&self, cx: &StepContext) -> Result<u32> {
        for n in 0..3 {
            let _: Value = cx.tool(("look", json!({"n": n}))).await.required()?;
        }
        Ok(3)
    }
}

#[tokio::test]
async fn a_step_has_limits_of_its_own() {
    let look = Probe::fixed("look", EffectClass::Read, json!("seen"));
    let rig = World::memory().program(|p| drop(p.flow::<Thrifty>().tool(look.clone())));
    let run_id = start(&rig, "thrifty", Limits::none()).await;
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["budget"]));
    assert_eq!(look.count(), 2);
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Ask {}

#[flow(name = "ask_model", version = 1)]
impl Ask {
    #[start(grants = ["hang"])]
    async fn ask(&self, cx: &StepContext) -> Result<String> {
        let model: ModelId = "scripted:desk".parse()?;
        let request = ModelRequest::new(model).with_user("hello").with_max_output_tokens(100);
        let reply = cx.model(request).await?;
        let _: Value = cx.tool(("hang", json!({}))).await.required()?;
        Ok(reply.text)
    }
}

const SCRIPT: &str = "
model: desk
price: { input_per_million: 1000000, output_per_million: 1000000 }
rules:
  - reply: { text: ok }
    usage: { input_tokens: 5, output_tokens: 1 }
";

#[tokio::test]
async fn what_a_crash_hides_counts_as_spent() {
    let world = World::memory();
    let hang = Probe::hanging_once("hang", EffectClass::Read, json!("done"));
    let program = || world.program(|p| drop(p.flow::<Ask>().tool(hang.clone()).script(SCRIPT)));
    let first = program();
    let limits = Limits { tool_calls: Some(5), output_tokens: Some(300), ..Limits::none() };
    let run_id = start(&first, "ask_model", limits).await;
    let worker = first.worker();
    hang.called(1).await;
    worker.kill().await;
    first.let_leases_lapse();

    let second = program();
    assert_eq!(second.completed(run_id).await, json!("ok"));
    let view = second.view(run_id).await;
    let ledger = &view.projection.ledger;
    assert_eq!(ledger.spent_unknown().tool_calls, 1, "the call nobody knows of");
    assert_eq!(ledger.spent_unknown().output_tokens, 99, "what was set aside and not used");
    assert_eq!(ledger.spent().tool_calls, 1);
    check_never_over(&second, &view);
}

#[tokio::test]
async fn a_crash_and_a_person_together_never_pass_a_limit() {
    let world = World::memory();
    let act = Probe::hanging_once("look", EffectClass::AtMostOnce, json!("done"));
    let program = || world.program(|p| drop(p.flow::<Thrifty>().tool(act.clone())));
    let first = program();
    let limits = Limits { tool_calls: Some(1), ..Limits::none() };
    let run_id = start(&first, "thrifty", limits).await;
    let worker = first.worker();
    act.called(1).await;
    worker.kill().await;
    first.let_leases_lapse();
    let second = program();
    second.drive(run_id).await;
    second.decide(run_id, Decision::Amend { subject: json!("it happened"), note: None }).await;
    let view = second.drive(run_id).await;
    assert_eq!(waits(&view.row), ["budget"], "there was one call, and the next is the second");
    check_never_over(&second, &view);
    assert_eq!(act.count(), 1);
}

#[tokio::test]
async fn a_model_without_a_price_does_not_run_under_a_limit_on_money() {
    let script = SCRIPT.replace("price:", "# price:");
    let asked = Arc::new(AtomicUsize::new(0));
    let model = Counted::new(&script, asked.clone());
    let rig = World::memory().program(|p| drop(p.flow::<Ask>().provider(model)));
    let limits = Limits { usd: Some(1_000_000), ..Limits::none() };
    let run_id = start(&rig, "ask_model", limits).await;
    let view = rig.drive(run_id).await;
    let failure = view.projection.finished.unwrap().failure.unwrap();
    assert_eq!(failure.code, mainstay_core::code::Code::ModelUnpriced);
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Family {}

#[flow(name = "family", version = 1)]
impl Family {
    #[start]
    async fn raise(&self, cx: &StepContext) -> Result<Vec<bool>> {
        let three = Limits { tool_calls: Some(3), ..Limits::none() };
        let told = cx.map(0..2, |cx, _| async move {
            let child = ChildRun::of("thrifty", &json!({})).with_limits(three);
            cx.run_flow::<u32>(child).await.is_ok()
        });
        Ok(told.await)
    }
}

#[tokio::test]
async fn children_live_on_what_their_parent_set_aside() {
    let look = Probe::fixed("look", EffectClass::Read, json!("seen"));
    let rig =
        World::memory().program(|p| drop(p.flow::<Family>().flow::<Thrifty>().tool(look.clone())));
    let limits = Limits { tool_calls: Some(5), ..Limits::none() };
    let run_id = start(&rig, "family", limits).await;
    let worker = rig.worker();
    // Three and three are more than five: the second child is not even started.
    let row = rig.wait_for(run_id, |row| row.status == RunStatus::Parked).await;
    assert!(waits(&row).contains(&"budget"), "{row:?}");
    worker.stop().await;
    let view = rig.view(run_id).await;
    let allotted = view.rows.iter().filter(|(_, entry)| matches!(entry, Entry::Allotted { .. }));
    assert_eq!(allotted.count(), 1);
    check_never_over(&rig, &view);
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Slow {}

#[flow(name = "slow", version = 1)]
impl Slow {
    #[start(grants = ["look"])]
    async fn look(&self, cx: &StepContext) -> Result<u32> {
        let _: Value = cx.tool(("look", json!({"n": 1}))).await.required()?;
        let _: Value = cx.tool(("look", json!({"n": 2}))).await.required()?;
        Ok(2)
    }
}

/// A tool that takes ten seconds of everybody's time.
fn ten_seconds(world: &World) -> Arc<Probe> {
    let clock = world.clock.clone();
    Probe::new("look", EffectClass::Read, move |_, _| {
        // A little less than what costs a worker its lease.
        clock.advance(Duration::from_secs(5));
        std::future::ready(Ok(json!("seen")))
    })
}

#[tokio::test]
async fn running_time_is_a_limit_too() {
    let world = World::memory();
    let look = ten_seconds(&world);
    let rig = world.program(|p| drop(p.flow::<Slow>().tool(look.clone())));
    let limits = Limits { wall: Some(3_000), ..Limits::none() };
    let run_id = start(&rig, "slow", limits).await;
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["budget"]));
    assert_eq!(look.count(), 1, "after five seconds there is no time for the second");
    let add = Limits { wall: Some(60_000), ..Limits::none() };
    rig.runtime.top_up(run_id, add, "ann").await.unwrap();
    assert_eq!(rig.completed(run_id).await, json!(2));
}

#[tokio::test]
async fn a_deadline_passes_by_the_calendar() {
    let world = World::memory();
    let look = ten_seconds(&world);
    let rig = world.program(|p| drop(p.flow::<Slow>().tool(look.clone())));
    let deadline = rig.clock.now().after(Duration::from_secs(3));
    let limits = Limits { deadline: Some(deadline), ..Limits::none() };
    let run_id = start(&rig, "slow", limits).await;
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["budget"]));
    assert_eq!(look.count(), 1);
    let later =
        Limits { deadline: Some(deadline.after(Duration::from_secs(600))), ..Limits::none() };
    rig.runtime.top_up(run_id, later, "ann").await.unwrap();
    assert_eq!(rig.completed(run_id).await, json!(2));
}
