//! Scopes: grants and limits that only narrow, across crashes and top-ups; what is pinned stays.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use mainstay::prelude::*;
use mainstay_core::{
    budget::{Dimension, Limits},
    effects::{Effects, Scope, ScopeKind, all},
    run::RunStatus,
    tool::{EffectClass, Grants, ToolOutcome},
    wait::Wait,
};
use mainstay_engine::commands::{RunView, StartRun};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, waits},
    tools::Probe,
};

/// Returns the limits of a text: without one there are none.
pub(crate) fn limited(text: &str) -> Limits {
    if text.is_empty() {
        return Limits::none();
    }
    Limits::read(text, Default::default()).unwrap()
}

fn agent(name: &str) -> Scope {
    Scope::new(ScopeKind::Agent, name)
}

/// What each call of `tools` in the scope led to, all asked for at once.
async fn calls(cx: &StepContext, scope: Scope, tools: &[&str]) -> Vec<&'static str> {
    let opened = Effects::open(cx, scope, Value::Null).await.unwrap();
    let asked: Vec<_> = tools.iter().map(|tool| opened.effects.tool(tool, json!({}))).collect();
    all(asked).await.iter().map(ToolOutcome::word).collect()
}

fn read(name: &str) -> Arc<Probe> {
    Probe::fixed(name, EffectClass::Read, json!("seen"))
}

/// The scope that the run's budget stop names.
fn stopped_in(view: &RunView) -> Option<&str> {
    let waits = view.projection.wait.as_ref().map(|set| set.waits.as_slice()).unwrap_or_default();
    waits.iter().find_map(|wait| match wait {
        Wait::Budget { within, .. } => within.as_deref(),
        _ => None,
    })
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Narrow {}

#[flow(name = "narrow", version = 1)]
impl Narrow {
    #[start(grants = ["a", "b"])]
    async fn ask(&self, cx: &StepContext) -> Result<Vec<String>> {
        let outer = agent("outer").with_grants(Grants::from_iter(["a", "c"]));
        let words = calls(cx, outer.clone(), &["a", "b", "c"]).await;
        let outer = Effects::open(cx, outer, Value::Null).await?.effects;
        let inner = agent("inner").with_grants(Grants::from_iter(["a", "b", "c"]));
        let inner = outer.open(inner, Value::Null).await?.effects;
        let inside: Vec<_> = inner.tools().into_iter().map(|spec| spec.name).collect();
        let word = inner.tool("b", json!({})).await.word();
        Ok(words.into_iter().map(str::to_owned).chain(inside).chain([word.to_owned()]).collect())
    }
}

#[tokio::test]
async fn a_call_needs_the_grant_of_the_step_and_of_every_scope_around_it() {
    let [a, b, c] = ["a", "b", "c"].map(read);
    let rig = World::memory().program(|p| {
        p.flow::<Narrow>().tool(a.clone()).tool(b.clone()).tool(c.clone());
    });
    let run_id = rig.start("narrow", json!({})).await;
    let told = rig.completed(run_id).await;
    assert_eq!(told, json!(["found", "denied", "denied", "a", "denied"]));
    assert_eq!([a.count(), b.count(), c.count()], [1, 0, 0]);
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Limited {}

#[flow(name = "limited", version = 1)]
impl Limited {
    #[start(grants = ["a"])]
    async fn ask(&self, cx: &StepContext) -> Result<usize> {
        let scope = agent("thrifty").with_limits(limited("tool_calls=2"));
        Ok(calls(cx, scope, &["a", "a", "a"]).await.len())
    }
}

#[tokio::test]
async fn calls_side_by_side_never_pass_the_limit_of_their_scope_and_a_top_up_lets_them_go_on() {
    let a = read("a");
    let rig = World::memory().program(|p| drop(p.flow::<Limited>().tool(a.clone())));
    let run_id = rig.start("limited", json!({})).await;
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["budget"]));
    assert_eq!((a.count(), stopped_in(&view)), (2, Some("agent `thrifty`")));
    rig.runtime.top_up(run_id, limited("tool_calls=1"), "ann").await.unwrap();
    assert_eq!(rig.completed(run_id).await, json!(3));
    assert_eq!(a.count(), 3, "what was called is not called again");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Hanging {}

#[flow(name = "hanging", version = 1)]
impl Hanging {
    #[start(grants = ["a"])]
    async fn ask(&self, cx: &StepContext) -> Result<usize> {
        let scope = agent("thrifty").with_limits(limited("tool_calls=1"));
        Ok(calls(cx, scope, &["a"]).await.len())
    }
}

#[tokio::test]
async fn a_call_that_a_crash_hides_counts_in_its_scope_although_the_run_has_no_limit() {
    let world = World::memory();
    let a = Probe::hanging_once("a", EffectClass::Read, json!("seen"));
    let program = || world.program(|p| drop(p.flow::<Hanging>().tool(a.clone())));
    let first = program();
    let run_id = first.start("hanging", json!({})).await;
    let worker = first.worker();
    a.called(1).await;
    worker.kill().await;
    first.let_leases_lapse();
    let second = program();
    let view = second.drive(run_id).await;
    assert_eq!((waits(&view.row), a.count()), (vec!["budget"], 1));
    assert_eq!(view.projection.ledger.spent_unknown().get(Dimension::ToolCalls), 1);
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Deep {}

#[flow(name = "deep", version = 1)]
impl Deep {
    #[start]
    async fn ask(&self, cx: &StepContext) -> Result<u32> {
        let crew = Scope::new(ScopeKind::Crew, "crew").with_limits(limited("depth=2"));
        let mut inside = Effects::open(cx, crew, Value::Null).await?.effects;
        for n in 0..4 {
            inside = inside.open(agent(&format!("level {n}")), Value::Null).await?.effects;
        }
        Ok(4)
    }
}

#[tokio::test]
async fn agents_nest_no_deeper_than_the_scope_around_them_or_the_run_allows() {
    let opened = |view: &RunView| {
        let entries = view.rows.iter().map(|(_, entry)| format!("{entry:?}"));
        entries.filter(|entry| entry.contains("level")).count()
    };
    let check = async |limits: Limits, levels: usize| {
        let rig = Rig::flow::<Deep>();
        let run = StartRun { limits, ..StartRun::new("deep", json!({})) };
        let run_id = rig.start_with(run).await;
        let view = rig.drive(run_id).await;
        assert_eq!((waits(&view.row), opened(&view)), (vec!["budget"], levels));
    };
    check(Limits::none(), 2).await;
    check(limited("depth=1"), 1).await;
}

/// What the program says of itself: another at each start.
static EDITION: AtomicU32 = AtomicU32::new(0);

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Pinned {}

#[flow(name = "pinned", version = 1)]
impl Pinned {
    #[start(grants = ["a"])]
    async fn ask(&self, cx: &StepContext) -> Result<Value> {
        let edition = EDITION.fetch_add(1, Ordering::SeqCst);
        let scope = agent("writer").with_limits(limited("tool_calls=5"));
        let opened = Effects::open(cx, scope, json!({ "edition": edition })).await?;
        opened.effects.tool("a", json!({})).await;
        Ok(json!({ "pinned": opened.pinned, "left": opened.left.tool_calls }))
    }
}

#[tokio::test]
async fn a_scope_goes_on_with_what_it_pinned_whatever_the_program_says_by_then() {
    let world = World::memory();
    let a = Probe::hanging_once("a", EffectClass::AtMostOnce, json!("seen"));
    let program = || world.program(|p| drop(p.flow::<Pinned>().tool(a.clone())));
    let first = program();
    let run = StartRun { limits: limited("tool_calls=3"), ..StartRun::new("pinned", json!({})) };
    let run_id = first.start_with(run).await;
    let worker = first.worker();
    a.called(1).await;
    worker.kill().await;
    first.let_leases_lapse();
    let second = program();
    second.drive(run_id).await;
    let happened = Decision::Amend { subject: json!("it happened"), note: None };
    second.decide(run_id, happened).await;
    let told = second.completed(run_id).await;
    assert_eq!(told, json!({ "pinned": { "edition": 0 }, "left": 3 }));
    assert!(EDITION.load(Ordering::SeqCst) > 1, "the step was run again");
}
