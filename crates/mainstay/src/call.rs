//! The built-in flow behind `tools call`: one step that calls one tool, so that a call by hand is
//! held to everything that any other call is held to, and stands in a journal like it.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use mainstay_core::{failure::StepError, flow::FlowDefinition};
use mainstay_engine::{
    context::StepContext,
    program::{FlowProgram, InputError, Inputs, StepDone},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::one_step::{OneStep, no_router};

/// The flow's name.
pub(crate) const NAME: &str = "mainstay_call";

/// What a run of the flow begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ByHand {
    /// The tool's name.
    pub(crate) tool: String,
    /// Its arguments.
    pub(crate) arguments: Value,
}

/// The flow, with a grant for each of a program's tools.
struct CallFlow {
    definition: FlowDefinition,
}

/// Returns the flow of a program that has these tools.
pub(crate) fn program(tools: impl IntoIterator<Item = String>) -> Arc<dyn FlowProgram> {
    let one_step = OneStep {
        flow: NAME,
        description: "Calls one tool by hand.",
        input: json!({
            "type": "object",
            "properties": {"tool": {"type": "string"}, "arguments": {"type": "object"}},
            "required": ["tool", "arguments"],
            "additionalProperties": false,
        }),
        step: "call",
        output: Value::Bool(true),
        body: b"call 1",
    };
    let definition = one_step.with_tools(tools);
    Arc::new(CallFlow { definition })
}

impl FlowProgram for CallFlow {
    fn definition(&self) -> &FlowDefinition {
        &self.definition
    }

    fn initial(&self, input: &Value) -> Result<Value, InputError> {
        let wrong = |error: serde_json::Error| InputError {
            path: String::new(),
            message: error.to_string(),
        };
        let by_hand: ByHand = serde_json::from_value(input.clone()).map_err(wrong)?;
        serde_json::to_value(&by_hand).map_err(wrong)
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
        async move {
            let ByHand { tool, arguments } = serde_json::from_value((*state).clone())?;
            let found = cx.tool((tool.as_str(), arguments)).await.found()?;
            Ok::<_, StepError>(StepDone { output: found.unwrap_or_default(), state: None })
        }
        .boxed()
    }
}
