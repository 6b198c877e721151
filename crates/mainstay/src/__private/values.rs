//! Values on their way between the author's types and the journal's JSON.

use std::{any::type_name, sync::Arc};

use mainstay_core::{
    code::Code,
    failure::{Failure, StepError},
};
use mainstay_engine::program::Inputs;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A type that can be a flow's state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the state of a flow",
    note = "derive `Default`, `Serialize`, `Deserialize` and `JsonSchema`"
)]
pub trait FlowState:
    Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
}
impl<S: Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> FlowState
    for S
{
}

/// A type that a step can hand on.
#[diagnostic::on_unimplemented(
    message = "a step cannot hand on a `{Self}`",
    note = "derive `Serialize`, `Deserialize` and `JsonSchema`: it is kept in the journal"
)]
pub trait StepValue: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}
impl<T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> StepValue for T {}

/// What a step returns: a `Result` whose error becomes a [`StepError`].
#[diagnostic::on_unimplemented(message = "a step returns `Result<T>`, not `{Self}`")]
pub trait StepReturn {
    /// What it hands on.
    type Output: StepValue;
}

impl<T: StepValue, E: Into<StepError>> StepReturn for Result<T, E> {
    type Output = T;
}

/// Compiles for a state only.
pub fn is_state<S: FlowState>() {}

/// Compiles for what a step may return only.
pub fn is_step_return<R: StepReturn>() {}

/// Converts the error of a step.
///
/// # Errors
/// The step failed.
pub fn returned<T, E: Into<StepError>>(result: Result<T, E>) -> Result<T, StepError> {
    result.map_err(Into::into)
}

/// Returns the JSON Schema of a type.
#[must_use]
pub fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// Reads the state a step is pinned to.
///
/// # Errors
/// The state's type changed in a way old states do not fit.
pub fn read_state<S: FlowState>(state: &Value) -> Result<S, StepError> {
    read(state).map_err(|problem| {
        let message = format!(
            "the state of this run does not fit `{}` {problem}; give the flow a new version and a migration",
            short_name::<S>()
        );
        Failure::permanent(Code::StepFailed, message).into()
    })
}

/// Reads the value at `index` of a step that has run.
///
/// # Errors
/// It is missing, or the producer's type changed in a way old values do not fit.
pub fn read_input<T: StepValue>(inputs: &Inputs, index: usize, from: &str) -> Result<T, StepError> {
    read_optional(inputs, index, from)?.ok_or_else(|| {
        Failure::permanent(Code::Bug, format!("`{from}` has not run, but its value was promised"))
            .into()
    })
}

/// Reads the value at `index` of a step that may not have run.
///
/// # Errors
/// The producer's type changed in a way old values do not fit.
pub fn read_optional<T: StepValue>(
    inputs: &Inputs,
    index: usize,
    from: &str,
) -> Result<Option<T>, StepError> {
    let Some(value) = inputs.get(index).and_then(Option::as_ref).map(Arc::as_ref) else {
        return Ok(None);
    };
    read(value).map(Some).map_err(|problem| {
        let message =
            format!("what `{from}` returned does not fit `{}` {problem}", short_name::<T>());
        Failure::permanent(Code::StepFailed, message).into()
    })
}

/// Writes a value for the journal.
///
/// # Errors
/// The value has no JSON, such as a map whose keys are not text.
pub fn write<T: Serialize>(value: &T) -> Result<Value, StepError> {
    Ok(serde_json::to_value(value)?)
}

/// Writes a migrated state.
///
/// # Errors
/// The migration failed, or its state has no JSON.
pub fn migrated<S: FlowState, E: Into<StepError>>(state: Result<S, E>) -> Result<Value, StepError> {
    write(&returned(state)?)
}

/// Says that the engine and the program disagree about the graph.
#[must_use]
pub fn no_such_step(place: usize) -> StepError {
    Failure::permanent(Code::Bug, format!("the flow has no step at place {place}")).into()
}

pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| format!("at `{}`: {}", error.path(), error.inner()))
}

pub(super) fn short_name<T>() -> &'static str {
    let name = type_name::<T>();
    match name.rsplit_once("::") {
        Some((_, last)) if !name.contains('<') => last,
        _ => name,
    }
}
