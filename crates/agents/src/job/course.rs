//! The course of a job: plan, commit, carry out in order, revise at most so often.

use std::sync::Arc;

use mainstay_core::{
    budget::Limits,
    code::Code,
    effects::Effects,
    failure::Failure,
    plan::{self, Ground, INPUT, Outputs, Plan, PlanFaults, PlanStep},
    review::Review,
    tool::ToolOutcome,
};
use serde_json::{Value, json};

use super::{
    Brief, Commitment, CriticVerdict, Fact, Job, JobEnd, JobOutcome, Judged, OutcomeWord,
    PlanReview, StepOutcome, commit,
    critic::judge,
    execute::{self, Carried},
    planner,
};

/// A job under way.
pub(super) struct Course {
    brief: Brief,
    effects: Arc<dyn Effects>,
    left: Limits,
    versions: Vec<Commitment>,
    steps: Vec<StepOutcome>,
    verdicts: Vec<Judged>,
    outputs: Outputs,
    /// The steps whose calls worked, in order: they are the beginning of every later version.
    finished: Vec<String>,
    facts: Vec<Fact>,
}

/// Why the plan is not carried out further.
enum Halt {
    /// Another plan may help.
    Revise(Fact, Failure),
    /// Nothing but a person can.
    Stop(Failure),
}

impl Course {
    pub(super) fn new(brief: Brief, effects: Arc<dyn Effects>, left: Limits) -> Self {
        let outputs = Outputs::from([(INPUT.to_owned(), brief.input.clone())]);
        Self {
            brief,
            effects,
            left,
            versions: Vec::new(),
            steps: Vec::new(),
            verdicts: Vec::new(),
            outputs,
            finished: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// Goes to the end.
    ///
    /// # Errors
    /// No plan was committed.
    pub(super) async fn go(mut self) -> Result<JobOutcome, Failure> {
        let first = self.first().await?;
        let mut inside = self.commit(first).await?;
        loop {
            let halt = match self.carry_out(&inside).await {
                Ok(()) => return Ok(self.ended(JobEnd::Completed)),
                Err(halt) => halt,
            };
            match self.after(halt).await {
                Ok(next) => inside = next,
                Err(failure) => return Ok(self.ended(JobEnd::Stopped(failure))),
            }
        }
    }

    async fn first(&self) -> Result<Plan, Failure> {
        if let Some(given) = &self.brief.given {
            return self.checked(given, &self.left).map_err(PlanFaults::into_failure);
        }
        let Some(model) = &self.brief.job.planner else {
            let why = "the job has neither a plan nor a planner";
            return Err(Failure::permanent(Code::PlanInvalid, why));
        };
        let accept = |steps: &Value| self.checked(&self.read(steps)?, &self.left);
        planner::propose(&self.effects, model, &self.brief, None, accept).await
    }

    /// Commits another plan after a halt, if that may be.
    async fn after(&mut self, halt: Halt) -> Result<Arc<dyn Effects>, Failure> {
        let (fact, failure) = match halt {
            Halt::Revise(fact, failure) => (fact, failure),
            Halt::Stop(failure) => return Err(failure),
        };
        let revised = self.versions.len().saturating_sub(1);
        let Some(model) = self.brief.job.planner.clone() else { return Err(failure) };
        if u32::try_from(revised).is_ok_and(|revised| revised >= self.brief.job.revisions) {
            return Err(failure);
        }
        self.facts.push(fact);
        let Some(last) = self.versions.last() else { return Err(failure) };
        let (finished, facts) = (self.finished.as_slice(), self.facts.as_slice());
        let ground = planner::Ground { last, finished, facts };
        let accept = |steps: &Value| self.continued(last, &self.read(steps)?);
        let plan =
            planner::propose(&self.effects, &model, &self.brief, Some(ground), accept).await?;
        self.commit(plan).await
    }

    fn read(&self, steps: &Value) -> Result<Plan, PlanFaults> {
        let steps = steps.get("steps").cloned().unwrap_or_default();
        plan::read(&json!({ "goal": self.brief.job.goal, "steps": steps }))
    }

    /// Returns a plan of the steps that are done, as they were, and those that are left.
    fn continued(&self, last: &Commitment, rest: &Plan) -> Result<Plan, PlanFaults> {
        let done = last.plan.steps.iter().filter(|step| self.finished.contains(&step.id));
        let steps: Vec<_> = done.chain(&rest.steps).cloned().collect();
        let whole = plan::read(&json!({ "goal": last.plan.goal, "steps": steps }))?;
        self.checked(&whole, &Limits::none())
    }

    fn checked(&self, plan: &Plan, left: &Limits) -> Result<Plan, PlanFaults> {
        plan::check(
            plan,
            &Ground {
                tools: &self.brief.tools,
                grants: &self.brief.tools.iter().map(|spec| spec.name.as_str()).collect(),
                left,
                extraction: &Job::EXTRACTION,
                schema: self.effects.schema().as_ref(),
            },
        )
    }

    /// Commits a plan, once a person has agreed where one must, and returns the effects that it is
    /// carried out with.
    async fn commit(&mut self, plan: Plan) -> Result<Arc<dyn Effects>, Failure> {
        let Brief { job, tools, .. } = &self.brief;
        let commitment = Commitment::new(plan, &self.versions, tools);
        if job.plan_review == PlanReview::Each || commitment.goes_beyond_the_first() {
            commitment.approve(&self.effects, &job.name, tools).await?;
        }
        let opened = commitment.open(&self.effects, &job.name).await?;
        let committed: Commitment = commit::unpin(opened.pinned)?;
        let to_do = committed.plan.steps.iter().skip(self.finished.len()).cloned().collect();
        let to_do = Plan { goal: committed.plan.goal.clone(), steps: to_do };
        self.versions.push(committed);
        plan::fits(&to_do, &Job::EXTRACTION, &opened.left).map_err(PlanFaults::into_failure)?;
        Ok(opened.effects)
    }

    /// Carries out the last version from its first step that is not done.
    async fn carry_out(&mut self, inside: &Arc<dyn Effects>) -> Result<(), Halt> {
        let Some(commitment) = self.versions.last().cloned() else { return Ok(()) };
        for step in commitment.plan.steps.iter().skip(self.finished.len()) {
            self.step(inside, &commitment, step).await?;
        }
        Ok(())
    }

    async fn step(
        &mut self,
        inside: &Arc<dyn Effects>,
        commitment: &Commitment,
        step: &PlanStep,
    ) -> Result<(), Halt> {
        let ground = execute::Ground { brief: &self.brief, commitment, outputs: &self.outputs };
        match ground.carry_out(inside, step).await.map_err(Halt::Stop)? {
            Carried::Called { outcome, output } => self.called(step, &outcome, output).await,
            Carried::NotSound(failure) => {
                let fact = self.note(step, OutcomeWord::NotCalled, Some(failure.code));
                Err(Halt::Revise(fact, failure))
            }
            Carried::Drifted(failure) => {
                self.note(step, OutcomeWord::NotCalled, Some(failure.code));
                Err(Halt::Stop(failure))
            }
        }
    }

    async fn called(
        &mut self,
        step: &PlanStep,
        outcome: &ToolOutcome,
        output: Result<Value, Failure>,
    ) -> Result<(), Halt> {
        let (word, code) = OutcomeWord::of(outcome);
        let fact = self.note(step, word, code.or(output.as_ref().err().map(|f| f.code)));
        if matches!(outcome, ToolOutcome::Found(_) | ToolOutcome::Empty) {
            self.finished.push(step.id.clone());
            self.outputs.insert(step.id.clone(), output.clone().unwrap_or_default());
        }
        if let Err(failure) = output {
            return Err(Halt::Revise(fact, failure));
        }
        let judged = judge(&self.effects, self.brief.job.critic.as_ref(), step, outcome).await;
        let verdict = judged.verdict;
        self.verdicts.push(judged);
        match verdict {
            CriticVerdict::Continue => Ok(()),
            CriticVerdict::Revise => Err(Halt::Revise(fact, not_as_expected(step, outcome))),
            CriticVerdict::Escalate => self.escalate(step, outcome).await.map_err(Halt::Stop),
        }
    }

    /// Asks a person whether to go on after a call that worked. What may have happened was put
    /// before one already.
    async fn escalate(&self, step: &PlanStep, outcome: &ToolOutcome) -> Result<(), Failure> {
        let output = match outcome {
            ToolOutcome::Found(value) => value.clone(),
            ToolOutcome::Empty => Value::Null,
            ToolOutcome::Failed(_) | ToolOutcome::Denied(_) | ToolOutcome::InDoubt(_) => {
                return Err(not_as_expected(step, outcome));
            }
        };
        let title = format!("go on after step `{}` of `{}`?", step.id, self.brief.job.name);
        let plan = self.versions.last();
        let subject = json!({
            "job": self.brief.job.name, "step": step, "outcome": outcome.word(), "output": output,
            "plan_digest": plan.map(|plan| plan.digest), "version": plan.map(|plan| plan.version),
        });
        let decided = self.effects.review(Review::of(title, &subject)).await?;
        commit::approved(decided)
            .map_err(|refusal| Failure::permanent(Code::JobStopped, refusal.message))
    }

    fn note(&mut self, step: &PlanStep, outcome: OutcomeWord, code: Option<Code>) -> Fact {
        let version = self.versions.last().map_or(0, |last| last.version);
        let effect = step.effect_class(&self.brief.tools);
        let (id, tool) = (step.id.clone(), step.tool.clone());
        let fact = Fact { step: id.clone(), tool: tool.clone(), outcome, code };
        self.steps.push(StepOutcome { step: id, tool, version, effect, outcome, code });
        fact
    }

    fn ended(mut self, end: JobEnd) -> JobOutcome {
        self.outputs.remove(INPUT);
        JobOutcome {
            end,
            versions: self.versions,
            steps: self.steps,
            verdicts: self.verdicts,
            outputs: self.outputs,
        }
    }
}

fn not_as_expected(step: &PlanStep, outcome: &ToolOutcome) -> Failure {
    let why = match outcome {
        ToolOutcome::Failed(failure) => failure.to_string(),
        ToolOutcome::Denied(denial) => denial.to_string(),
        ToolOutcome::InDoubt(doubt) => doubt.because.clone(),
        ToolOutcome::Found(_) | ToolOutcome::Empty => {
            format!("expected was {}", step.expect.as_deref().unwrap_or("that it works"))
        }
    };
    let word = outcome.word();
    let message = format!("step `{}` called `{}`, and it is {word}: {why}", step.id, step.tool);
    Failure::permanent(Code::JobStopped, message)
}
