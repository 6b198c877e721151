//! Arguments with holes against a tool's schema: what no value in a hole could mend is wrong now.
//!
//! The schema is changed rather than the value: where a hole is, anything fits. The rules around it
//! stay, so a missing or unknown argument is found before anything is spent. A schema that combines
//! others around a hole cannot be changed so; there only errors away from the hole count, and the
//! whole is checked with its values before the call.

use serde_json::{Map, Value, json};

use crate::{
    schema::{SchemaCheck, SchemaError},
    tool::ToolSpec,
};

use super::slot::{below, slots};

/// Keywords whose subschemas say something about the same value.
const COMBINING: [&str; 10] = [
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "dependentSchemas",
    "patternProperties",
    "contains",
    "enum",
    "const",
];

/// Deeper than this no reference is followed: it would go in circles.
const MOST_REFERENCES: usize = 32;

/// Returns what is wrong with arguments that have slots in them, whatever will be in the slots.
pub(super) fn errors(
    check: &dyn SchemaCheck,
    spec: &ToolSpec,
    arguments: &Value,
) -> Vec<SchemaError> {
    let mut schema = spec.input_schema.as_ref().clone();
    let mut opaque = Vec::new();
    let holes: Vec<_> = slots(arguments).into_iter().map(|(path, _)| path).collect();
    for hole in &holes {
        let names: Vec<_> = hole.split('/').skip(1).map(plain).collect();
        match open(&spec.input_schema, &schema, &names, 0) {
            Some(opened) => schema = opened,
            None => opaque.push(hole.clone()),
        }
    }
    let mut found = check.errors(&schema, &filled_with_null(arguments));
    found.retain(|error| !opaque.iter().any(|hole| touches(&error.path, hole)));
    found
}

fn plain(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// An error there may be about the hole: it is in it or around it.
fn touches(path: &str, hole: &str) -> bool {
    let is_in = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_in(path, hole) || is_in(hole, path)
}

fn filled_with_null(arguments: &Value) -> Value {
    let null = |_: &_| Ok::<_, std::convert::Infallible>(Value::Null);
    match super::slot::replace(arguments, &null) {
        Ok(filled) => filled,
        Err(never) => match never {},
    }
}

/// Returns the schema with anything allowed at the place that `names` leads to, or `None` if that
/// cannot be said by changing it.
fn open(root: &Value, schema: &Value, names: &[String], references: usize) -> Option<Value> {
    let Some((name, rest)) = names.split_first() else { return Some(Value::Bool(true)) };
    let Value::Object(rules) = schema else { return Some(schema.clone()) };
    if COMBINING.iter().any(|keyword| rules.contains_key(*keyword)) {
        return None;
    }
    if let Some(reference) = rules.get("$ref") {
        let target = reference.as_str()?.strip_prefix('#').and_then(|path| root.pointer(path))?;
        let alone = !rules.contains_key("properties") && !rules.contains_key("items");
        let follow = alone && references < MOST_REFERENCES;
        let opened = follow.then(|| open(root, target, names, references + 1)).flatten()?;
        let mut rules = rules.clone();
        rules.remove("$ref");
        return Some(merged(rules, opened));
    }
    match name.parse::<usize>() {
        Ok(at) if rules.contains_key("items") || rules.contains_key("prefixItems") => {
            open_item(root, rules, at, rest, references)
        }
        _ => open_property(root, rules, name, rest, references),
    }
}

/// The rules beside a reference hold too.
fn merged(rules: Map<String, Value>, target: Value) -> Value {
    let Value::Object(mut target) = target else { return target };
    for (name, rule) in rules {
        target.entry(name).or_insert(rule);
    }
    Value::Object(target)
}

fn open_property(
    root: &Value,
    rules: &Map<String, Value>,
    name: &str,
    rest: &[String],
    references: usize,
) -> Option<Value> {
    let known = rules.get("properties").and_then(|properties| properties.get(name));
    let fallback = rules.get("additionalProperties").cloned().unwrap_or(Value::Bool(true));
    if known.is_none() && fallback == Value::Bool(false) {
        // The name itself is wrong, whatever is in the hole: leave that to be found.
        return Some(Value::Object(rules.clone()));
    }
    let opened = open(root, known.unwrap_or(&fallback), rest, references)?;
    let mut rules = rules.clone();
    let properties = rules.entry("properties").or_insert_with(|| json!({}));
    properties.as_object_mut()?.insert(name.to_owned(), opened);
    Some(Value::Object(rules))
}

fn open_item(
    root: &Value,
    rules: &Map<String, Value>,
    at: usize,
    rest: &[String],
    references: usize,
) -> Option<Value> {
    let all = rules.get("items").cloned().unwrap_or(Value::Bool(true));
    let mut first = rules.get("prefixItems").and_then(Value::as_array).cloned().unwrap_or_default();
    while first.len() <= at {
        first.push(all.clone());
    }
    let item = first.get_mut(at)?;
    *item = open(root, item, rest, references)?;
    let mut rules = rules.clone();
    rules.insert("prefixItems".to_owned(), Value::Array(first));
    Some(Value::Object(rules))
}

/// Returns a pointer into the plan for an error inside the arguments of a step.
pub(super) fn place(step: usize, error: &SchemaError) -> String {
    format!("{}{}", below(&format!("/steps/{step}"), "args"), error.path)
}
