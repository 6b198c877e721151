//! What stands before a call and behind it, as rules: leave, arguments, result, health.

use std::{io, sync::Arc};

use serde_json::Value;

use crate::{
    breaker::Health,
    code::Code,
    failure::Retryability,
    schema::{SchemaCheck, SchemaError},
    time::Timestamp,
};

use super::{
    Denial, DenialReason, Grants, TookEffect, Tool, ToolCatalog, ToolFailure, ToolOutcome, ToolSpec,
};

/// The most bytes that arguments or a result may have as JSON.
pub const MOST_BYTES: usize = 1 << 20;

/// The most levels that arguments may nest.
pub const MOST_LEVELS: usize = 32;

/// Checks leave and arguments of a call, in the order grant, existence, arguments: who has no grant
/// does not learn which tools exist.
///
/// # Errors
/// The call must not be made.
pub fn allow(
    catalog: &dyn ToolCatalog,
    schema: &dyn SchemaCheck,
    grants: &Grants,
    name: &str,
    arguments: &Value,
) -> Result<Arc<dyn Tool>, Denial> {
    let denied = |reason| Denial { tool: name.to_owned(), reason };
    if !grants.allow(name) {
        return Err(denied(DenialReason::NotGranted));
    }
    let tool = catalog.get(name).ok_or_else(|| denied(DenialReason::Unknown))?;
    let errors = argument_errors(schema, tool.spec(), arguments);
    if errors.is_empty() { Ok(tool) } else { Err(denied(DenialReason::Arguments(errors))) }
}

/// Returns everything that is wrong with arguments. Size and depth come first: what is too large is
/// not looked into.
#[must_use]
pub fn argument_errors(
    schema: &dyn SchemaCheck,
    spec: &ToolSpec,
    arguments: &Value,
) -> Vec<SchemaError> {
    if nests_deeper(arguments, MOST_LEVELS) {
        return vec![SchemaError::whole(format!("nests deeper than {MOST_LEVELS} levels"))];
    }
    if is_larger(arguments, MOST_BYTES) {
        return vec![SchemaError::whole(format!("is larger than {MOST_BYTES} bytes"))];
    }
    schema.errors(&spec.input_schema, arguments)
}

/// Takes in what a tool returned. A result that is too large or does not fit is rejected as a
/// whole: a part of it would be another result. It may have acted all the same.
///
/// # Errors
/// The result is rejected.
pub fn accept(
    schema: &dyn SchemaCheck,
    spec: &ToolSpec,
    value: Value,
) -> Result<Value, ToolFailure> {
    let reject = |why: String| Err(ToolFailure::new(format!("the result was rejected: it {why}")));
    if is_larger(&value, MOST_BYTES) {
        return reject(format!("is larger than {MOST_BYTES} bytes"));
    }
    match schema.errors(&spec.output_schema, &value).first() {
        Some(error) => reject(format!("does not fit the output schema {error}")),
        None => Ok(value),
    }
}

/// Returns whether a value nests deeper than `levels`; a number is one level, a list of numbers two.
#[must_use]
pub fn nests_deeper(value: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else { return true };
    match value {
        Value::Array(items) => items.iter().any(|item| nests_deeper(item, below)),
        Value::Object(fields) => fields.values().any(|field| nests_deeper(field, below)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Returns whether a value has more than `bytes` as JSON; stops writing once it knows.
#[must_use]
pub fn is_larger(value: &Value, bytes: usize) -> bool {
    serde_json::to_writer(Room { left: bytes }, value).is_err()
}

/// A writer that keeps nothing and is full at some point.
struct Room {
    left: usize,
}

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns what an attempt says about the tool's health. One that refuses a call is well.
#[must_use]
pub fn health(result: &Result<Value, ToolFailure>) -> Health {
    match result {
        Ok(_) => Health::Well,
        Err(failure) => {
            let refused = failure.took_effect == TookEffect::No
                && failure.retry == Retryability::Permanent
                && failure.code != Code::ToolTimedOut;
            if refused { Health::Well } else { Health::Ill }
        }
    }
}

/// Returns the outcome of the last attempt.
#[must_use]
pub fn outcome(
    spec: &ToolSpec,
    result: Result<Value, ToolFailure>,
    first_sent_at: Timestamp,
) -> ToolOutcome {
    match result {
        Ok(value) => ToolOutcome::of(value),
        Err(failure) => spec.outcome_of(failure, first_sent_at),
    }
}

#[cfg(test)]
#[path = "gate/tests.rs"]
mod tests;
