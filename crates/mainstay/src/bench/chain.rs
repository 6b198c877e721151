//! A flow that is nothing but durable steps: a chain, each step with a fresh value.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::{FutureExt, future::BoxFuture};
use mainstay_core::{
    digest::Digest,
    failure::StepError,
    flow::{
        Access, Condition, FlowDefinition, Input, StepDefinition, StepKind, StepName, StepOptions,
        Trigger,
    },
};
use mainstay_engine::{
    context::StepContext,
    program::{FlowProgram, InputError, Inputs, StepDone},
};
use mainstay_store::reference::fresh;
use serde_json::{Value, json};

const NAME: &str = Chain::NAME;

/// A chain of plain steps, each with a fresh value: what `mainstay bench` drives.
pub struct Chain {
    definition: FlowDefinition,
    payload_bytes: usize,
    seed: AtomicU64,
}

impl Chain {
    /// The flow's name; its version is its length, because each length is another graph.
    pub const NAME: &str = "mainstay_bench";

    /// Makes a chain of so many steps, whose payloads of that size follow from `seed`.
    #[must_use]
    pub fn new(steps: u32, payload_bytes: usize, seed: u64) -> Self {
        let definition = FlowDefinition {
            name: NAME.to_owned(),
            version: steps,
            description: "a chain of steps that only return a value".to_owned(),
            state_schema: json!({"type": "object"}),
            steps: (0..steps).map(step).collect(),
        };
        Self { definition, payload_bytes, seed: AtomicU64::new(seed) }
    }
}

fn name(index: u32) -> StepName {
    format!("step_{index:04}").into()
}

/// Each step takes the value of the one before, as steps do.
fn step(index: u32) -> StepDefinition {
    let before = index.checked_sub(1).map(name);
    let trigger = before.clone().map_or(Trigger::Start, |n| Trigger::On(Condition::Step(n)));
    StepDefinition {
        name: name(index),
        kind: StepKind::Step,
        access: Access::Reads,
        trigger,
        inputs: before.map(|from| Input { from, optional: false }).into_iter().collect(),
        options: StepOptions::default(),
        finish: false,
        output_schema: json!({"type": "string"}),
        body: Digest::of(NAME.as_bytes()),
        before: Vec::new(),
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("steps", &self.definition.version).finish_non_exhaustive()
    }
}

impl FlowProgram for Chain {
    fn definition(&self) -> &FlowDefinition {
        &self.definition
    }

    fn initial(&self, _: &Value) -> Result<Value, InputError> {
        Ok(json!({}))
    }

    fn route(&self, router: usize, _: &Value, _: &Inputs) -> Result<String, StepError> {
        Err(StepError::new(format!("step {router} is no router")))
    }

    fn run(
        &self,
        _: usize,
        _: Arc<Value>,
        _: Inputs,
        _: StepContext,
    ) -> BoxFuture<'static, Result<StepDone, StepError>> {
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let output = Value::String(fresh(seed, self.payload_bytes));
        async { Ok(StepDone { output, state: None }) }.boxed()
    }
}
