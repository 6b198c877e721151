//! What generated code calls. No promise is made about any of it.

mod input;
mod routes;
mod served;
mod tools;
mod values;

pub use futures::future::BoxFuture;
pub use mainstay_core::{
    breaker::BreakerPolicy,
    budget::Limits,
    digest::Digest,
    failure::StepError,
    flow::{
        Access, Condition, FlowDefinition, Input, Served, StepDefinition, StepKind, StepOptions,
        Trigger, intent::Intent,
    },
    tool::{EffectClass, KeyValidity, RateLimit, Reconciled, Reversibility, ToolFailure, ToolSpec},
};
pub use mainstay_engine::{
    context::{StepContext, ToolUse},
    program::{Flow, FlowProgram, InputError, Inputs, Route, StepDone},
};
pub use mainstay_tools::{NativeTool, ToolContext, native::spec_of};
pub use schemars;
pub use serde;
pub use serde_json::Value;

pub use self::{
    input::initial,
    routes::{Unheard, is_route, route, unheard, variant},
    served::served,
    tools::{ToolRequest, ToolReturn, tool_returned},
    values::{
        FlowState, StepReturn, StepValue, is_state, is_step_return, migrated, no_such_step,
        read_input, read_optional, read_state, returned, schema, write,
    },
};

use std::time::Duration;

use mainstay_core::{retry::RetryPolicy, tool::Control};

/// Returns what a `control` option declares.
#[must_use]
pub fn control<const N: usize>(names: [&str; N]) -> Control {
    names.into_iter().collect()
}

/// Returns the policy of a `retry` option; the macro has checked the number of attempts.
#[must_use]
pub fn retry(
    max: u32,
    base: Option<Duration>,
    cap: Option<Duration>,
    factor: Option<u32>,
) -> RetryPolicy {
    let policy = RetryPolicy::attempts(max).unwrap_or_default();
    let (first, longest) = (Duration::from_millis(200), Duration::from_secs(30));
    policy.with_wait(base.unwrap_or(first), cap.unwrap_or(longest)).with_factor(factor.unwrap_or(2))
}
