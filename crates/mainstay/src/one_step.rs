//! The graph of built-in flows: one step that may call each of a program's tools.

use mainstay_core::{
    digest::Digest,
    failure::StepError,
    flow::{Access, FlowDefinition, StepDefinition, StepKind, StepOptions, Trigger},
};
use serde_json::Value;

/// What is particular to a built-in flow.
pub(crate) struct OneStep {
    /// The flow's name.
    pub(crate) flow: &'static str,
    /// What it does.
    pub(crate) description: &'static str,
    /// JSON Schema of what a run begins with.
    pub(crate) input: Value,
    /// The step's name.
    pub(crate) step: &'static str,
    /// What the step leaves behind, as JSON Schema.
    pub(crate) output: Value,
    /// Changes with the step's code.
    pub(crate) body: &'static [u8],
}

impl OneStep {
    /// Returns the definition in a program that has these tools.
    pub(crate) fn with_tools(self, tools: impl IntoIterator<Item = String>) -> FlowDefinition {
        let options = StepOptions { grants: tools.into_iter().collect(), ..StepOptions::default() };
        FlowDefinition {
            name: self.flow.to_owned(),
            version: version(&options),
            description: self.description.to_owned(),
            state_schema: self.input,
            steps: vec![StepDefinition {
                name: self.step.into(),
                kind: StepKind::Step,
                access: Access::Reads,
                trigger: Trigger::Start,
                inputs: Vec::new(),
                options,
                finish: true,
                output_schema: self.output,
                body: Digest::of(self.body),
                before: Vec::new(),
            }],
        }
    }
}

/// A program with other tools has another flow, and must not claim the runs of this one: nobody
/// writes its version, so its number comes from the tools.
fn version(options: &StepOptions) -> u32 {
    let names: Vec<_> = options.grants.iter().map(String::as_bytes).collect();
    let [a, b, c, ..] = *Digest::of_parts(names).as_bytes();
    u32::from_be_bytes([0, a, b, c]) + 1
}

/// What a flow of one step says when it is asked for a route.
pub(crate) fn no_router() -> StepError {
    StepError::new("the flow has no router")
}
