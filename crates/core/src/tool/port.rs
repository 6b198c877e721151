//! The ports behind which tools live, whatever transport reaches them.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    effect::{EffectPosition, IdempotencyKey},
    id::RunId,
    time::Timestamp,
};

use super::{InputGiven, ToolFailure, ToolSpec};

/// One attempt at calling a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The arguments; they fit the tool's schema.
    pub arguments: Value,
    /// What the other side recognises a repeat by; the same for every attempt.
    pub key: IdempotencyKey,
    /// Which try, from 1.
    pub attempt: u32,
    /// When the caller stops waiting. A tool that passes it on must not act after it.
    pub deadline: Timestamp,
    /// The run.
    pub run_id: RunId,
    /// Where in the run.
    pub position: EffectPosition,
    /// What a person said, where the other side asked before it would go on.
    pub input: Option<InputGiven>,
}

/// What the other side says about an earlier call.
#[derive(Debug, Clone, PartialEq)]
pub enum Reconciled<T = Value> {
    /// It happened, and this is what it returned.
    Happened(T),
    /// It is not there (yet).
    Absent,
    /// It cannot be told.
    Unknown,
}

impl<T> Reconciled<T> {
    /// Converts what it returned.
    #[must_use]
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Reconciled<U> {
        match self {
            Self::Happened(value) => Reconciled::Happened(convert(value)),
            Self::Absent => Reconciled::Absent,
            Self::Unknown => Reconciled::Unknown,
        }
    }
}

/// Something that can be called.
///
/// The caller sees to grants, schema, limits, deadline and retries, and drops the future when the
/// deadline passes: a tool does none of that itself, least of all retry.
#[async_trait]
pub trait Tool: Send + Sync {
    /// Returns what it declares.
    fn spec(&self) -> &ToolSpec;

    /// Makes one attempt.
    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure>;

    /// Finds out whether an earlier attempt of the same key happened. Asked only of
    /// [reconcilable](super::EffectClass::Reconcilable) tools.
    async fn reconcile(&self, _call: ToolCall) -> Reconciled {
        Reconciled::Unknown
    }
}

/// The tools a worker has.
pub trait ToolCatalog: Send + Sync {
    /// Returns a tool by its name.
    fn get(&self, name: &str) -> Option<Arc<dyn Tool>>;

    /// Returns every spec, in order of their names.
    fn specs(&self) -> Vec<ToolSpec>;
}
