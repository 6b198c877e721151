//! What a step's context offers beyond single effects: agents, crews and planned jobs, whose calls
//! are effects of the step.

use std::sync::Arc;

use mainstay_agents::{
    agent::{Agent, AgentReply, Assignment, Kit},
    crew::{Crew, CrewOutput, Rules},
    job::{Job, JobOutcome},
};
use mainstay_core::{
    effects::{Asked, Effects},
    failure::Failure,
    plan::Plan,
};
use mainstay_engine::context::StepContext;
use serde_json::Value;

/// Intelligence at a step, inside the step's grants and limits.
///
/// ```
/// # use mainstay::prelude::*;
/// # #[derive(Default, Serialize, Deserialize, JsonSchema)] struct Desk { question: String }
/// #[flow(name = "desk", version = 1)]
/// impl Desk {
///     #[start(grants = ["search"], budget = "usd=0.20,tool_calls=10")]
///     async fn find_out(&self, cx: &StepContext) -> Result<String> {
///         let clerk = Agent::new("clerk", "a research clerk", "answer from the library alone")
///             .with_grants(Grants::from_iter(["search"]));
///         let reply = cx.agent(&clerk, Assignment::of(&self.question)).await?;
///         Ok(reply.text)
///     }
/// }
/// ```
pub trait Intelligence {
    /// Lets an agent work on an assignment, turn by turn, until it has an answer.
    #[must_use = "an agent gives its answer when it is awaited"]
    fn agent(
        &self,
        agent: &Agent,
        assignment: Assignment,
    ) -> Asked<'static, Result<AgentReply, Failure>> {
        self.agent_with(agent, assignment, Kit::default())
    }

    /// Does the same with skills and guardrails of the program's own.
    #[must_use = "an agent gives its answer when it is awaited"]
    fn agent_with(
        &self,
        agent: &Agent,
        assignment: Assignment,
        kit: Kit,
    ) -> Asked<'static, Result<AgentReply, Failure>>;

    /// Lets a crew do its tasks. Checks and conditions that it names are looked up in `rules`.
    #[must_use = "a crew gives its output when it is awaited"]
    fn crew(&self, crew: &Crew, rules: &Rules) -> Asked<'static, Result<CrewOutput, Failure>>;

    /// Has a planned job done: a plan is made, committed and carried out.
    #[must_use = "a job is done when it is awaited"]
    fn job(&self, job: &Job, input: Value) -> Asked<'static, Result<JobOutcome, Failure>>;

    /// Has a plan carried out that is there already, after the same checks.
    #[must_use = "a job is done when it is awaited"]
    fn carry_out(
        &self,
        job: &Job,
        plan: Plan,
        input: Value,
    ) -> Asked<'static, Result<JobOutcome, Failure>>;
}

impl Intelligence for StepContext {
    fn agent_with(
        &self,
        agent: &Agent,
        assignment: Assignment,
        kit: Kit,
    ) -> Asked<'static, Result<AgentReply, Failure>> {
        let effects: Arc<dyn Effects> = Arc::new(self.clone());
        agent.work(effects, assignment, kit)
    }

    fn crew(&self, crew: &Crew, rules: &Rules) -> Asked<'static, Result<CrewOutput, Failure>> {
        crew.work(Arc::new(self.clone()), rules)
    }

    fn job(&self, job: &Job, input: Value) -> Asked<'static, Result<JobOutcome, Failure>> {
        let (job, effects): (_, Arc<dyn Effects>) = (job.clone(), Arc::new(self.clone()));
        Box::pin(async move { job.run(&effects, input).await })
    }

    fn carry_out(
        &self,
        job: &Job,
        plan: Plan,
        input: Value,
    ) -> Asked<'static, Result<JobOutcome, Failure>> {
        let (job, effects): (_, Arc<dyn Effects>) = (job.clone(), Arc::new(self.clone()));
        Box::pin(async move { job.carry_out(&effects, plan, input).await })
    }
}
