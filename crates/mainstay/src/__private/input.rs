//! A run's first state: the input laid over the default state.

use mainstay_core::flow::check::near;
use mainstay_engine::program::InputError;
use serde_json::{Map, Value};

use super::values::FlowState;

/// Lays the input's top-level fields over the default state. Deeper values replace what was there:
/// a merge of maps would keep entries that the caller meant to leave out.
///
/// # Errors
/// The input has a field the state does not have, or a value of the wrong type; the path says where.
pub fn initial<S: FlowState>(schema: &Value, input: &Value) -> Result<Value, InputError> {
    let state = serde_json::to_value(S::default())
        .map_err(|error| whole(format!("the default state has no JSON: {error}")))?;
    let state = match (state, input) {
        (state, Value::Null) => state,
        (Value::Object(state), Value::Object(input)) => overlay(state, input, schema)?,
        (Value::Object(_), other) => return Err(whole(not_an_object(schema, other))),
        (_, other) => other.clone(),
    };
    let state: S = serde_path_to_error::deserialize(&state).map_err(|error| InputError {
        path: path(error.path()),
        message: error.inner().to_string(),
    })?;
    serde_json::to_value(state).map_err(|error| whole(format!("the state has no JSON: {error}")))
}

fn overlay(
    mut state: Map<String, Value>,
    input: &Map<String, Value>,
    schema: &Value,
) -> Result<Value, InputError> {
    for (field, value) in input {
        if !knows(schema, field) && !state.contains_key(field) {
            let near = near::hint(field, fields(schema));
            let message = format!("the flow's input has no field `{field}`; {near}");
            return Err(InputError { path: field.clone(), message });
        }
        state.insert(field.clone(), value.clone());
    }
    Ok(Value::Object(state))
}

fn fields(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(Map::keys).map(String::as_str)
}

/// A state with a flattened map takes any field; its schema says so by `additionalProperties`.
fn knows(schema: &Value, field: &str) -> bool {
    let open = schema.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false));
    open || fields(schema).any(|known| known == field)
}

fn not_an_object(schema: &Value, input: &Value) -> String {
    let fields: Vec<&str> = fields(schema).collect();
    let got = match input {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    if fields.is_empty() {
        return format!("expected an object, got {got}");
    }
    format!("expected an object with {}, got {got}", near::list(&fields))
}

fn path(path: &serde_path_to_error::Path) -> String {
    let text = path.to_string();
    if text == "." { String::new() } else { text }
}

fn whole(message: String) -> InputError {
    InputError { path: String::new(), message }
}
