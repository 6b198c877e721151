//! A planned job: a planner says what to do, code does it, a critic compares.
//!
//! # Why the model is asked before, and not during
//!
//! What has read something untrusted must be taken for the attacker's. So the planner is asked
//! before anything was read; its plan is checked, [committed](Commitment) with its digest, and
//! carried out by code, in order. Models that are asked later, to [extract](mainstay_core::plan::Extract)
//! a value or to judge an outcome, have no tools, answer in a closed shape, and can neither reorder
//! nor skip nor extend what was committed. A step's call is made in a scope of its own that grants
//! that step's tool and nothing else.

mod commit;
mod course;
mod critic;
mod execute;
mod extract;
mod outcome;
mod planner;

use std::sync::Arc;

use mainstay_core::{
    budget::Limits,
    effects::{Effects, Scope, ScopeKind},
    failure::Failure,
    model::{ModelName, Tier},
    plan::{Extraction, Plan},
    tool::{Grants, ToolSpec},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use commit::Commitment;
pub use critic::{CriticVerdict, Judge, Judged};
pub use outcome::{Fact, JobEnd, JobOutcome, OutcomeWord, StepOutcome};

use course::Course;

/// Whether a person sees each plan before it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanReview {
    /// Only a revision that changes something outside which the first plan did not mean to.
    #[default]
    Additions,
    /// Each version.
    Each,
}

/// What is to be achieved, by which tools, within which limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its name, as usage and traces know it.
    pub name: String,
    /// What it is to achieve. It is told to the planner: nothing from outside belongs into it.
    pub goal: String,
    /// The tools it may call, as far as they are granted around it; all of those when absent.
    pub grants: Option<Grants>,
    /// What all its calls together may use.
    pub limits: Limits,
    /// The model that plans and revises; without one a plan must be given, and is not revised.
    pub planner: Option<ModelName>,
    /// The model that judges what code cannot; without one such an expectation is not judged.
    pub critic: Option<ModelName>,
    /// The model that reads values out of texts.
    pub extractor: ModelName,
    /// At most so many revisions of the plan.
    pub revisions: u32,
    /// Whether a person sees each plan before it runs.
    pub plan_review: PlanReview,
}

/// What a job begins with, and goes on with whatever the program says by then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Brief {
    job: Job,
    tools: Vec<ToolSpec>,
    given: Option<Plan>,
    input: Value,
}

impl Job {
    /// The most revisions when the author names none.
    pub const DEFAULT_REVISIONS: u32 = 2;

    /// What one try at reading a value out of a text may use at most; its price is the engine's to
    /// know.
    pub const EXTRACTION: Extraction = Extraction {
        input_tokens: extract::MOST_INPUT,
        output_tokens: extract::MOST_OUTPUT,
        price: None,
    };

    /// Makes a job that a frontier model plans and a fast one judges.
    #[must_use]
    pub fn new(name: impl Into<String>, goal: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            goal: goal.into(),
            grants: None,
            limits: Limits::none(),
            planner: Some(Tier::Frontier.into()),
            critic: Some(Tier::Fast.into()),
            extractor: Tier::Fast.into(),
            revisions: Self::DEFAULT_REVISIONS,
            plan_review: PlanReview::Additions,
        }
    }

    /// Grants these tools, as far as they are granted around it.
    #[must_use]
    pub fn with_grants(mut self, grants: Grants) -> Self {
        self.grants = Some(grants);
        self
    }

    /// Limits what its calls together may use.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Says which model plans.
    #[must_use]
    pub fn with_planner(mut self, model: impl Into<ModelName>) -> Self {
        self.planner = Some(model.into());
        self
    }

    /// Says which model judges.
    #[must_use]
    pub fn with_critic(mut self, model: impl Into<ModelName>) -> Self {
        self.critic = Some(model.into());
        self
    }

    /// Says which model reads values out of texts.
    #[must_use]
    pub fn with_extractor(mut self, model: impl Into<ModelName>) -> Self {
        self.extractor = model.into();
        self
    }

    /// Leaves planning and judging to whoever gives the plan, and to code.
    #[must_use]
    pub fn without_models(mut self) -> Self {
        (self.planner, self.critic) = (None, None);
        self
    }

    /// Allows at most so many revisions.
    #[must_use]
    pub const fn with_revisions(mut self, revisions: u32) -> Self {
        self.revisions = revisions;
        self
    }

    /// Puts each plan before a person before it runs.
    #[must_use]
    pub const fn require_plan_review(mut self) -> Self {
        self.plan_review = PlanReview::Each;
        self
    }

    /// Has a plan made, and carries it out. Slots reach `input` by the name `input`; the planner is
    /// told its shape and none of its values.
    ///
    /// # Errors
    /// There is no sound plan (`MS-22xx`), a person did not approve it (`MS-2208`), or the planner
    /// could not be asked. What happened once a plan was committed is in the outcome.
    pub async fn run(
        &self,
        effects: &Arc<dyn Effects>,
        input: Value,
    ) -> Result<JobOutcome, Failure> {
        self.begin(effects, None, input).await
    }

    /// Carries out a plan that was given, after the same checks.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn carry_out(
        &self,
        effects: &Arc<dyn Effects>,
        plan: Plan,
        input: Value,
    ) -> Result<JobOutcome, Failure> {
        self.begin(effects, Some(plan), input).await
    }

    async fn begin(
        &self,
        effects: &Arc<dyn Effects>,
        given: Option<Plan>,
        input: Value,
    ) -> Result<JobOutcome, Failure> {
        let granted = |spec: &ToolSpec| self.grants.as_ref().is_none_or(|g| g.allow(&spec.name));
        let tools: Vec<_> = effects.tools().into_iter().filter(granted).collect();
        let grants = tools.iter().map(|spec| spec.name.as_str()).collect();
        let scope = Scope::new(ScopeKind::Job, &self.name).with_grants(grants);
        let scope = scope.with_limits(self.limits);
        let brief = commit::pin(&Brief { job: self.clone(), tools, given, input })?;
        let opened = effects.open(scope, brief).await?;
        let brief: Brief = commit::unpin(opened.pinned)?;
        // What is left is what is left around the job.
        let left = opened.left.narrowed_by(&brief.job.limits);
        Course::new(brief, opened.effects, left).go().await
    }
}

#[cfg(test)]
mod tests;
