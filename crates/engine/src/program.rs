//! What the engine runs: a flow's graph and the functions behind its steps.
//!
//! The `#[flow]` macro writes the implementation. Values cross this border as JSON, because that is
//! what the journal holds: a step that is run again sees the very bytes of the first time.

use std::sync::Arc;

use futures::future::BoxFuture;
use mainstay_core::{
    failure::StepError,
    flow::{FlowDefinition, intent::Intent},
    tool::Grants,
};
use serde::Serialize;
use serde_json::Value;

use crate::context::StepContext;

/// The values a step takes from others, in the order of its definition's inputs. `None` stands
/// where an optional producer did not run.
pub type Inputs = Vec<Option<Arc<Value>>>;

/// What a finished step leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct StepDone {
    /// The step's output.
    pub output: Value,
    /// The new state, from a step that writes it.
    pub state: Option<Value>,
}

/// An input that does not fit the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// Where in the input, as `ticket.order.cents`; empty for the whole.
    pub path: String,
    /// What is wrong there, and what would have been right.
    pub message: String,
}

/// Somebody who works inside a step, and the tools it may call, as far as the step's grants go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The step.
    pub step: String,
    /// Who, such as `agent researcher`.
    pub who: String,
    /// What it may call.
    pub grants: Grants,
}

/// A flow that can be driven.
pub trait FlowProgram: Send + Sync + 'static {
    /// Returns the graph.
    fn definition(&self) -> &FlowDefinition;

    /// Lays an input over the default state and returns the state a run starts with.
    ///
    /// # Errors
    /// The input does not fit; the path says where.
    fn initial(&self, input: &Value) -> Result<Value, InputError>;

    /// Runs a router, which is pure, and returns the variant it picked.
    ///
    /// # Errors
    /// The state or an input does not read back, or the router failed.
    fn route(&self, router: usize, state: &Value, inputs: &Inputs) -> Result<String, StepError>;

    /// Starts a step or a compensation: `step` is its index in the definition.
    fn run(
        &self,
        step: usize,
        state: Arc<Value>,
        inputs: Inputs,
        cx: StepContext,
    ) -> BoxFuture<'static, Result<StepDone, StepError>>;

    /// Returns who is known to work inside the steps before anything runs. Steps written in Rust name
    /// their agents when they call them: nobody knows these beforehand, and the step's own grants
    /// bound them.
    fn callers(&self) -> Vec<Caller> {
        Vec::new()
    }

    /// Moves the state of a run of `from` to this version, at a step boundary. `None` means that
    /// this version cannot take runs of that one.
    fn migrate(&self, from: u32, state: &Value) -> Option<Result<Value, StepError>> {
        let _ = (from, state);
        None
    }

    /// Returns what people say when they want this flow. It is no part of the definition: another
    /// example makes no other version.
    fn intent(&self) -> Intent {
        Intent::default()
    }
}

/// A flow written in Rust; `#[flow]` implements it for the state.
pub trait Flow {
    /// The flow's name.
    const NAME: &'static str;
    /// The author's version number.
    const VERSION: u32;
    /// What a run returns.
    type Output;

    /// Returns what the engine runs.
    fn program() -> Arc<dyn FlowProgram>;
}

/// The closed set of routes a router may pick; `#[derive(Route)]` implements it for an enum.
pub trait Route {
    /// The enum's name.
    const NAME: &'static str;
    /// Its variants in declaration order, and whether each ends its branch.
    const VARIANTS: &'static [(&'static str, bool)];

    /// Returns the name of the variant that was picked.
    fn variant(&self) -> &'static str;
}
