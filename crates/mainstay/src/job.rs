//! The built-in flow `job`: one step that carries out a plan given as data.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use mainstay_agents::job::Job;
use mainstay_core::{
    failure::StepError,
    flow::FlowDefinition,
    plan::{self, Plan},
};
use mainstay_engine::{
    context::StepContext,
    program::{FlowProgram, InputError, Inputs, StepDone},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    intelligence::Intelligence,
    one_step::{OneStep, no_router},
};

/// The flow's name.
pub(crate) const NAME: &str = "job";

/// Whether models may revise and judge a plan that was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Judging {
    /// Code judges, and a plan that does not work out stops the run.
    #[default]
    ByRules,
    /// A planner may revise it, a critic judges expectations in words.
    ByModels,
}

/// What a run of the flow begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// The plan.
    pub(crate) plan: Plan,
    /// What slots reach by the name `input`.
    #[serde(default)]
    pub(crate) input: Value,
    /// Who may revise and judge.
    #[serde(default)]
    pub(crate) judging: Judging,
}

/// The flow, with a grant for each of a program's tools: a run's scope narrows them to its plan's.
struct JobFlow {
    definition: FlowDefinition,
}

/// Returns the flow of a program that has these tools.
pub(crate) fn program(tools: impl IntoIterator<Item = String>) -> Arc<dyn FlowProgram> {
    let one_step = OneStep {
        flow: NAME,
        description: "Carries out a plan that is given as data.",
        input: json!({
            "type": "object",
            "properties": {"plan": {"type": "object"}, "input": true, "judging": {"type": "string"}},
            "required": ["plan"],
            "additionalProperties": false,
        }),
        step: "carry_out",
        output: json!({"type": "object"}),
        body: b"carry out 1",
    };
    let definition = one_step.with_tools(tools);
    Arc::new(JobFlow { definition })
}

impl Order {
    fn job(&self, grants: &[String]) -> Job {
        let planned = |tool: &String| {
            self.plan.steps.iter().any(|step| {
                step.tool == *tool
                    || tool.rsplit_once('.').is_some_and(|(_, bare)| bare == step.tool)
            })
        };
        match self.judging {
            // A revision may need another tool of the program; a person is asked if it acts.
            Judging::ByModels => Job::new(NAME, &self.plan.goal),
            Judging::ByRules => Job::new(NAME, &self.plan.goal)
                .without_models()
                .with_grants(grants.iter().filter(|tool| planned(tool)).cloned().collect()),
        }
    }
}

impl FlowProgram for JobFlow {
    fn definition(&self) -> &FlowDefinition {
        &self.definition
    }

    fn initial(&self, input: &Value) -> Result<Value, InputError> {
        let wrong = |path: &str, message: String| InputError { path: path.to_owned(), message };
        let plan = input.get("plan").ok_or_else(|| wrong("", "`plan` is missing".to_owned()))?;
        plan::read(plan).map_err(|faults| wrong("plan", faults.to_string()))?;
        let order: Order =
            serde_json::from_value(input.clone()).map_err(|error| wrong("", error.to_string()))?;
        serde_json::to_value(&order).map_err(|error| wrong("", error.to_string()))
    }

    fn route(&self, _: usize, _: &Value, _: &Inputs) -> Result<String, StepError> {
        Err(no_router())
    }

    fn run(
        &self,
        _: usize,
        state: Arc<Value>,
        _: Inputs,
        cx: StepContext,
    ) -> BoxFuture<'static, Result<StepDone, StepError>> {
        let grants = self.definition.steps.iter().flat_map(|step| step.options.grants.clone());
        let grants: Vec<_> = grants.collect();
        async move {
            let order: Order = serde_json::from_value((*state).clone())?;
            let outcome = cx.carry_out(&order.job(&grants), order.plan, order.input).await?;
            let output = serde_json::to_value(outcome.completed()?)?;
            Ok::<_, StepError>(StepDone { output, state: None })
        }
        .boxed()
    }
}
