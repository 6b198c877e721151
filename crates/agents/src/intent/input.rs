//! An input read from a text, as far as it fits the flow's schema.

use mainstay_core::schema::SchemaCheck;
use serde_json::{Map, Value};

use super::Target;

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

impl Target {
    /// Returns what was read, laid over the default state name by name: a flow lays an input over it
    /// only as a whole at each of its fields, and a request seldom says everything inside one.
    pub(super) fn complete(&self, read: &Value) -> Value {
        let mut input = self.default.clone();
        lay_over(&mut input, read);
        input
    }
}

fn lay_over(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                lay_over(below.entry(name).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
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
