//! Carrying out one step: fill its slots, check, call. No model is asked what to call.

use std::sync::Arc;

use mainstay_core::{
    code::Code,
    digest::Digest,
    effects::{Effects, Opened, Scope, ScopeKind},
    failure::Failure,
    plan::{Outputs, PlanStep, fill},
    policy::PlanSlot,
    tool::{Grants, ToolOutcome, ToolSpec, gate::argument_errors},
};
use serde_json::{Value, json};

use super::{Brief, Commitment, commit::unpin, extract::extract};

/// What came of a step.
pub(super) enum Carried {
    /// Its tool was called.
    Called {
        /// How that ended.
        outcome: ToolOutcome,
        /// What slots get, or why the value could not be read out of the result.
        output: Result<Value, Failure>,
    },
    /// It was not called, because of what earlier steps returned.
    NotSound(Failure),
    /// It was not called, because its tool is another one than was committed.
    Drifted(Failure),
}

/// What a step is carried out with.
pub(super) struct Ground<'a> {
    pub(super) brief: &'a Brief,
    pub(super) commitment: &'a Commitment,
    pub(super) outputs: &'a Outputs,
}

impl Ground<'_> {
    /// Carries out a step inside its plan's scope.
    ///
    /// # Errors
    /// The scope cannot be opened.
    pub(super) async fn carry_out(
        &self,
        plan: &Arc<dyn Effects>,
        step: &PlanStep,
    ) -> Result<Carried, Failure> {
        let Some(spec) = self.brief.tools.iter().find(|spec| spec.name == step.tool) else {
            return Ok(Carried::Drifted(drifted(&step.tool)));
        };
        let Opened { pinned, effects, .. } = self.open(plan, step).await?;
        if unpin::<Option<Digest>>(pinned)? != self.commitment.tools.get(&step.tool).copied() {
            return Ok(Carried::Drifted(drifted(&step.tool)));
        }
        let arguments = match fill(&step.args, self.outputs) {
            Ok(arguments) => arguments,
            Err(why) => {
                return Ok(Carried::NotSound(Failure::permanent(Code::PlanSlot, why.to_string())));
            }
        };
        if let Some(why) = unfit(&effects, spec, &arguments) {
            return Ok(Carried::NotSound(why));
        }
        let outcome = effects.tool(&step.tool, arguments).await;
        let output = self.output(&effects, step, &outcome).await;
        Ok(Carried::Called { outcome, output })
    }

    /// Opens the step's own scope: nothing but its tool may be called in it. What is pinned is what
    /// the tool is now, so that a repeat goes the way that was gone.
    async fn open(&self, plan: &Arc<dyn Effects>, step: &PlanStep) -> Result<Opened, Failure> {
        let name = format!("{}/{}", self.brief.job.name, step.id);
        let slot = PlanSlot {
            plan: self.commitment.digest,
            version: self.commitment.version,
            step: step.id.to_string(),
        };
        let scope = Scope::new(ScopeKind::Job, name)
            .with_grants(Grants::from_iter([&*step.tool]))
            .with_slot(slot);
        let now = plan.tools().into_iter().find(|spec| spec.name == step.tool);
        let hash = now.and_then(|spec| spec.hash().ok());
        plan.open(scope, json!(hash)).await
    }

    async fn output(
        &self,
        effects: &Arc<dyn Effects>,
        step: &PlanStep,
        outcome: &ToolOutcome,
    ) -> Result<Value, Failure> {
        match (outcome, &step.extract) {
            (ToolOutcome::Found(value), Some(wanted)) => {
                extract(effects, &self.brief.job.extractor, wanted, value).await
            }
            (ToolOutcome::Found(value), None) => Ok(value.clone()),
            (
                ToolOutcome::Empty
                | ToolOutcome::Failed(_)
                | ToolOutcome::Denied(_)
                | ToolOutcome::InDoubt(_),
                _,
            ) => Ok(Value::Null),
        }
    }
}

fn drifted(tool: &str) -> Failure {
    let why = format!("`{tool}` is not the tool any more that the plan was committed with");
    Failure::permanent(Code::ToolDrifted, why)
}

/// Says why the arguments do not fit, by place and rule: values are no part of it.
fn unfit(effects: &Arc<dyn Effects>, spec: &ToolSpec, arguments: &Value) -> Option<Failure> {
    let errors = argument_errors(effects.schema().as_ref(), spec, arguments);
    let first = errors.first()?;
    let why = format!("the arguments of `{}` do not fit {first}", spec.name);
    Some(Failure::permanent(Code::PlanArguments, why))
}
