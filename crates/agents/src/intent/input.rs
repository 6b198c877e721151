//! An input read from a text, as far as it fits the flow's schema.

use mainstay_core::schema::SchemaCheck;
use serde_json::{Map, Value};

/// Returns the schema with nothing required: an input is laid over the default state.
pub(super) fn partial(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(key, value)| *key != "required" || !value.is_array())
                .map(|(key, value)| (key.clone(), partial(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(partial).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

/// Puts fields together, each as a text or, where that does not fit, as the JSON it is. A field that
/// fits neither way is left out: nothing is guessed.
pub(super) fn input<'t>(
    schema: &Value,
    fields: impl Iterator<Item = (String, &'t str)>,
    check: &dyn SchemaCheck,
) -> Value {
    let schema = partial(schema);
    let mut input = Value::Object(Map::new());
    for (path, text) in fields {
        let text = text.trim();
        let json = serde_json::from_str(text).ok();
        for value in [Some(Value::from(text)), json].into_iter().flatten() {
            let mut with = input.clone();
            if put(&mut with, &path, value) && check.errors(&schema, &with).is_empty() {
                input = with;
                break;
            }
        }
    }
    input
}

/// Puts a value at a path such as `ticket.from`; the first one that is read stays.
fn put(into: &mut Value, path: &str, value: Value) -> bool {
    let Some(fields) = into.as_object_mut() else { return false };
    match path.split_once('.') {
        Some((head, rest)) => {
            put(fields.entry(head).or_insert_with(|| Value::Object(Map::new())), rest, value)
        }
        None if fields.contains_key(path) => false,
        None => fields.insert(path.to_owned(), value).is_none(),
    }
}
