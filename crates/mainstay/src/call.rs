//! The built-in flow behind `tools call`: one step that calls one tool, so that a call by hand is
//! held to everything that any other call is held to, and stands in a journal like it.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use mainstay_core::{
    digest::Digest,
    failure::StepError,
    flow::{Access, FlowDefinition, StepDefinition, StepKind, StepOptions, Trigger},
};
use mainstay_engine::{
    context::StepContext,
    program::{FlowProgram, InputError, Inputs, StepDone},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    let options = StepOptions { grants: tools.into_iter().collect(), ..StepOptions::default() };
    let definition = FlowDefinition {
        name: NAME.to_owned(),
        version: crate::job::version(&options),
        description: "Calls one tool by hand.".to_owned(),
        state_schema: json!({
            "type": "object",
            "properties": {"tool": {"type": "string"}, "arguments": {"type": "object"}},
            "required": ["tool", "arguments"],
            "additionalProperties": false,
        }),
        steps: vec![StepDefinition {
            name: "call".into(),
            kind: StepKind::Step,
            access: Access::Reads,
            trigger: Trigger::Start,
            inputs: Vec::new(),
            options,
            finish: true,
            output_schema: Value::Bool(true),
            body: Digest::of(b"call 1"),
            before: Vec::new(),
        }],
    };
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
        Err(StepError::new("the flow has no router"))
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
