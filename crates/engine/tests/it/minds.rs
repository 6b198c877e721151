//! Crews and planned jobs under limits, on the engine: each stops before the call that would pass a
//! limit, with one escalation that says whose limit it was, and goes on where it was with more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mainstay::prelude::*;
use mainstay_core::{
    budget::Dimension, code::Code, id::RunId, model::ModelId, run::RunStatus, tool::EffectClass,
};
use mainstay_engine::commands::{RunView, StartRun};
use serde_json::json;

use crate::{
    agents::stops,
    budgets::check_never_over,
    models::Counted,
    rig::{Rig, World, waits},
    scopes::limited,
    tools::Probe,
};

/// A crew looks around, and digs three agents deep; a plan has four looks, each judged by a model.
const SCRIPT: &str = r"
model: desk
price: { input_per_million: 1000000, output_per_million: 1000000 }
rules:
  - when: { output: plan }
    reply:
      json:
        steps:
          - { id: a, tool: look, args: { n: 1 }, expect: something is there }
          - { id: b, tool: look, args: { n: 2 }, expect: something is there }
          - { id: c, tool: look, args: { n: 3 }, expect: something is there }
          - { id: d, tool: look, args: { n: 4 }, expect: something is there }
    usage: { input_tokens: 600, output_tokens: 4000 }
  - when: { output: verdict }
    reply: { json: { verdict: continue } }
    usage: { input_tokens: 100, output_tokens: 50 }
  - when: { all: ['look around', '3 of 9'] }
    reply: { text: seen }
    usage: { input_tokens: 100, output_tokens: 100 }
  - when: { all: ['look around'] }
    capture: { turn: '## Turn\n(\d+) of' }
    reply: { tool_calls: [{ name: look, arguments: { n: '{{turn}}' } }] }
    usage: { input_tokens: 100, output_tokens: 100 }
  - when: { all: ['2 of 9'] }
    reply: { text: dug }
    usage: { input_tokens: 100, output_tokens: 100 }
  - when: { all: ['dig 3'] }
    reply: { tool_calls: [{ name: look, arguments: { n: 3 } }] }
    usage: { input_tokens: 100, output_tokens: 100 }
  - when: { all: ['dig 2'] }
    reply:
      tool_calls:
        - name: delegate_work_to_coworker
          arguments: { task: Dig 3., context: nothing, coworker: an ann }
    usage: { input_tokens: 100, output_tokens: 100 }
  - reply:
      tool_calls:
        - name: delegate_work_to_coworker
          arguments: { task: Dig 2., context: nothing, coworker: a bob }
    usage: { input_tokens: 100, output_tokens: 100 }
";

/// Who works.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
enum Mind {
    #[default]
    Crew,
    Job,
    /// Two jobs side by side.
    Jobs,
}

impl Mind {
    const fn scope(self) -> &'static str {
        match self {
            Self::Crew => "crew `desk`",
            Self::Job | Self::Jobs => "job `survey`",
        }
    }
}

/// Lets a crew or jobs work, under limits of their own.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Minds {
    mind: Mind,
    limits: String,
    /// The limits of each agent in the crew.
    agents: String,
}

fn model() -> ModelId {
    "scripted:desk".parse().unwrap()
}

impl Minds {
    fn crew(&self) -> Crew {
        let member = |name: &str, role: &str| {
            let agent = Agent::new(name, role, "look and dig")
                .with_model(model())
                .with_grants(Grants::from_iter(["look"]))
                .with_turns(9)
                .with_max_output_tokens(100)
                .with_limits(limited(&self.agents));
            Member::from(agent).with_delegation()
        };
        let task = |name: &str, what: &str| Task::new(name, what, "one word").with_agent("ann");
        let crew = Crew::new("desk")
            .with_member(member("ann", "an ann"))
            .with_member(member("bob", "a bob"))
            .with_task(task("first", "Look around."))
            .with_task(task("second", "Dig 1."))
            .with_limits(limited(&self.limits));
        // How deep work is handed on is left to the limit on depth.
        Crew { delegations: u32::MAX, ..crew }
    }

    fn job(&self) -> Job {
        Job::new("survey", "look four times")
            .with_planner(model())
            .with_critic(model())
            .with_limits(limited(&self.limits))
    }
}

#[flow(name = "minds", version = 1)]
impl Minds {
    #[start(grants = ["look"])]
    async fn work(&self, cx: &StepContext) -> Result<String> {
        match self.mind {
            Mind::Crew => drop(cx.crew(&self.crew(), &Rules::new()).await?),
            Mind::Job => drop(cx.job(&self.job(), json!({})).await?.completed()?),
            Mind::Jobs => {
                let jobs = [self.job(), self.job()];
                let done = cx.map(jobs, |cx, job| async move { cx.job(&job, json!({})).await });
                for outcome in done.await {
                    outcome?.completed()?;
                }
            }
        }
        Ok("done".to_owned())
    }
}

struct Desk {
    rig: Rig,
    asked: Arc<AtomicUsize>,
    look: Arc<Probe>,
}

/// A desk whose first look takes five seconds of running time.
fn desk() -> Desk {
    let world = World::memory();
    let clock = world.clock.clone();
    let look = Probe::new("look", EffectClass::Read, move |call, nth| {
        clock.advance(Duration::from_secs(if nth == 1 { 5 } else { 0 }));
        std::future::ready(Ok(call.arguments))
    });
    let asked = Arc::default();
    let model = Counted::new(SCRIPT, Arc::clone(&asked));
    let rig = world.program(|p| drop(p.flow::<Minds>().provider(model).tool(look.clone())));
    Desk { rig, asked, look }
}

impl Desk {
    async fn start(&self, minds: Minds, run: &str) -> RunId {
        let input = serde_json::to_value(minds).unwrap();
        let wish = StartRun { limits: limited(run), ..StartRun::new("minds", input) };
        self.rig.start_with(wish).await
    }

    /// How often a model was asked, and how often the tool was called.
    fn counts(&self) -> (usize, usize) {
        (self.asked.load(Ordering::SeqCst), self.look.count())
    }

    async fn stopped(&self, run_id: RunId) -> RunView {
        let view = self.rig.drive(run_id).await;
        assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["budget"]));
        check_never_over(&self.rig, &view);
        view
    }

    /// Lets a stopped run go on with more, and sees that it only does what was left to do.
    async fn goes_on(&self, run_id: RunId, more: &str, (asked, looked): (usize, usize)) {
        let before = self.counts();
        assert!(before.0 < asked || before.1 < looked, "something is left to do: {before:?}");
        self.rig.drive(run_id).await;
        assert_eq!(self.counts(), before, "a stopped run calls nothing");
        self.rig.runtime.top_up(run_id, limited(more), "ann").await.unwrap();
        assert_eq!(self.rig.completed(run_id).await, json!("done"));
        assert_eq!(self.counts(), (asked, looked), "nothing is called twice");
    }
}

/// Agents that say they may use more than the crew that they are in.
const GENEROUS: &str = "usd=9,tokens=900k,model_calls=900,tool_calls=900,wall=900m,depth=900";

fn minds(mind: Mind, limits: &str) -> Minds {
    Minds { mind, limits: limits.to_owned(), agents: GENEROUS.to_owned() }
}

/// What a mind does when nothing stops it.
async fn undisturbed(mind: Mind) -> (usize, usize) {
    let desk = desk();
    let run_id = desk.start(minds(mind, ""), "").await;
    assert_eq!(desk.rig.completed(run_id).await, json!("done"));
    desk.counts()
}

/// Stops a mind at a limit of its own and at one of the run, and lets it go on with more.
async fn check(mind: Mind, dimension: Dimension, limit: &str, more: &str) {
    let whole = undisturbed(mind).await;
    for (own, run) in [(limit, ""), ("", limit)] {
        let desk = desk();
        let run_id = desk.start(minds(mind, own), run).await;
        let view = desk.stopped(run_id).await;
        let within = (!own.is_empty()).then(|| mind.scope());
        assert_eq!(stops(&view), [(dimension, within)], "one escalation, which says whose");
        // Running time cannot be named beforehand, and the first look takes more than there is.
        if dimension != Dimension::Wall && Dimension::summed().any(|summed| summed == dimension) {
            let spent = view.projection.ledger.total_spent().get(dimension);
            assert!(Some(spent) <= limited(limit).get(dimension), "{spent} {dimension:?}");
        }
        desk.goes_on(run_id, more, whole).await;
    }
}

#[tokio::test]
async fn a_crew_stops_before_the_model_call_that_would_pass_a_limit() {
    check(Mind::Crew, Dimension::ModelCalls, "model_calls=4", "model_calls=20").await;
}

#[tokio::test]
async fn a_crew_stops_before_the_tool_call_that_would_pass_a_limit() {
    check(Mind::Crew, Dimension::ToolCalls, "tool_calls=2", "tool_calls=20").await;
}

#[tokio::test]
async fn a_crew_stops_before_the_call_that_could_cost_too_much() {
    check(Mind::Crew, Dimension::Usd, "usd=0.0016", "usd=0.1").await;
}

#[tokio::test]
async fn a_crew_stops_before_the_call_that_could_take_too_many_tokens() {
    check(Mind::Crew, Dimension::Tokens, "tokens=1600", "tokens=50k").await;
}

#[tokio::test]
async fn a_crew_stops_when_its_running_time_is_used_up() {
    check(Mind::Crew, Dimension::Wall, "wall=3s", "wall=10m").await;
}

#[tokio::test]
async fn a_crew_hands_work_on_no_deeper_than_the_limit_however_often_it_may() {
    check(Mind::Crew, Dimension::Depth, "depth=2", "depth=5").await;
}

#[tokio::test]
async fn a_job_stops_before_the_model_call_that_would_pass_a_limit() {
    check(Mind::Job, Dimension::ModelCalls, "model_calls=3", "model_calls=20").await;
}

#[tokio::test]
async fn a_job_stops_before_the_call_that_could_cost_too_much() {
    check(Mind::Job, Dimension::Usd, "usd=0.0051", "usd=0.1").await;
}

#[tokio::test]
async fn a_job_stops_before_the_call_that_could_take_too_many_tokens() {
    check(Mind::Job, Dimension::Tokens, "tokens=5100", "tokens=50k").await;
}

#[tokio::test]
async fn a_job_stops_when_its_running_time_is_used_up() {
    check(Mind::Job, Dimension::Wall, "wall=3s", "wall=10m").await;
}

#[tokio::test]
async fn jobs_side_by_side_stop_before_the_tool_call_that_would_pass_the_limit_of_their_run() {
    let whole = undisturbed(Mind::Jobs).await;
    let desk = desk();
    let run_id = desk.start(minds(Mind::Jobs, ""), "tool_calls=7").await;
    let view = desk.stopped(run_id).await;
    assert_eq!(stops(&view), [(Dimension::ToolCalls, None)]);
    assert_eq!(desk.look.count(), 7);
    desk.goes_on(run_id, "tool_calls=1", whole).await;
}

#[tokio::test]
async fn a_plan_that_would_pass_a_limit_on_tool_calls_is_refused_before_any_of_them() {
    for (own, run) in [("tool_calls=3", ""), ("", "tool_calls=3")] {
        let desk = desk();
        let run_id = desk.start(minds(Mind::Job, own), run).await;
        let view = desk.rig.drive(run_id).await;
        let finished = view.projection.finished.as_ref().unwrap();
        let failure = finished.failure.as_ref().unwrap();
        assert_eq!((view.row.status, failure.code), (RunStatus::Failed, Code::PlanCost));
        assert_eq!(desk.counts(), (2, 0), "the plan was sent back once, and nothing was called");
    }
}

#[tokio::test]
async fn an_agent_of_a_crew_stops_at_its_own_limit_although_the_crew_may_use_more() {
    let whole = undisturbed(Mind::Crew).await;
    let desk = desk();
    let agents = "model_calls=2".to_owned();
    let minds = Minds { agents, ..minds(Mind::Crew, "model_calls=50") };
    let run_id = desk.start(minds, "model_calls=90").await;
    let view = desk.stopped(run_id).await;
    assert_eq!(stops(&view), [(Dimension::ModelCalls, Some("agent `ann`"))]);
    assert_eq!(desk.counts(), (2, 2));
    desk.goes_on(run_id, "model_calls=20", whole).await;
}
