//! Closing a schema: what it does not mention is refused unless it says otherwise.
//!
//! JSON Schema lets unknown properties pass. For a tool's arguments that is a hole: a misspelt
//! `limit` goes unnoticed, and an approval shows a field that nothing reads. So every object that
//! lists its properties gets `unevaluatedProperties: false`, which, unlike `additionalProperties`,
//! sees what `$ref`, `allOf` and the like bring in. It goes where a *value* is described, never
//! inside a composition: there one branch would refuse what the other one lists.

use serde_json::{Map, Value};

/// How far references are followed; more is a circle.
const HOPS: usize = 16;

/// Keywords that hold schemas, and whether those describe a value alone or one that other schemas
/// describe too. A definition counts as the latter: what refers to it is closed, where it stands.
const KEYWORDS: [(&str, Place, Holds); 17] = [
    ("properties", Place::Value, Holds::Named),
    ("patternProperties", Place::Value, Holds::Named),
    ("additionalProperties", Place::Value, Holds::Schemas),
    ("unevaluatedProperties", Place::Value, Holds::Schemas),
    ("items", Place::Value, Holds::Schemas),
    ("prefixItems", Place::Value, Holds::Schemas),
    ("unevaluatedItems", Place::Value, Holds::Schemas),
    ("contains", Place::Part, Holds::Schemas),
    ("allOf", Place::Part, Holds::Schemas),
    ("anyOf", Place::Part, Holds::Schemas),
    ("oneOf", Place::Part, Holds::Schemas),
    ("if", Place::Part, Holds::Schemas),
    ("then", Place::Part, Holds::Schemas),
    ("else", Place::Part, Holds::Schemas),
    ("dependentSchemas", Place::Part, Holds::Named),
    ("$defs", Place::Part, Holds::Named),
    ("definitions", Place::Part, Holds::Named),
];

/// Keywords that describe the same value again.
const PARTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const PART: [&str; 3] = ["if", "then", "else"];

/// Returns the schema with every object closed that lists its properties and does not say
/// otherwise (`additionalProperties` or `unevaluatedProperties`).
#[must_use]
pub fn closed(schema: &Value) -> Value {
    close(schema, schema, Place::Value)
}

/// Whether a schema describes a value alone or together with others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Value,
    Part,
}

/// What a keyword holds: one schema or a list of them, or schemas by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Schemas,
    Named,
}

fn close(root: &Value, schema: &Value, place: Place) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    let below = |(key, inner): (&String, &Value)| (key.clone(), close_keyword(root, key, inner));
    let mut closed: Map<String, Value> = fields.iter().map(below).collect();
    if place == Place::Value && lists_properties(root, schema, HOPS) && !is_open(root, schema, HOPS)
    {
        closed.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
    Value::Object(closed)
}

fn close_keyword(root: &Value, keyword: &str, inner: &Value) -> Value {
    let Some((_, place, holds)) = KEYWORDS.iter().find(|(name, ..)| *name == keyword) else {
        return inner.clone();
    };
    let close = |schema| close(root, schema, *place);
    match inner {
        Value::Object(schemas) if *holds == Holds::Named => {
            schemas.iter().map(|(name, schema)| (name.clone(), close(schema))).collect()
        }
        Value::Array(schemas) => schemas.iter().map(close).collect(),
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            close(inner)
        }
    }
}

/// Returns whether a schema, or one it is composed of, lists properties.
fn lists_properties(root: &Value, schema: &Value, hops: usize) -> bool {
    schema.get("properties").is_some()
        || parts(root, schema, hops).any(|(part, hops)| lists_properties(root, part, hops))
}

/// Returns whether a schema says that unknown properties may be there, or has an alternative that
/// is any object at all.
fn is_open(root: &Value, schema: &Value, hops: usize) -> bool {
    let says = ["additionalProperties", "unevaluatedProperties"];
    says.iter().any(|keyword| schema.get(keyword).is_some())
        || ["anyOf", "oneOf"].iter().any(|keyword| {
            let branches = schema.get(keyword).and_then(Value::as_array).into_iter().flatten();
            branches.into_iter().any(|branch| is_any_object(root, branch, hops))
        })
}

fn is_any_object(root: &Value, schema: &Value, hops: usize) -> bool {
    if schema == &Value::Bool(true) {
        return true;
    }
    let takes_objects = match schema.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
        _ => !["const", "enum", "$ref"].iter().any(|keyword| schema.get(keyword).is_some()),
    };
    takes_objects && !lists_properties(root, schema, hops)
}

/// Returns the schemas that describe the same value, with the hops that are left.
fn parts<'a>(
    root: &'a Value,
    schema: &'a Value,
    hops: usize,
) -> impl Iterator<Item = (&'a Value, usize)> {
    let left = hops.checked_sub(1);
    let lists = PARTS.iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
    let single = PART.iter().filter_map(|keyword| schema.get(keyword));
    let referred = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
    let referred = referred.and_then(|pointer| root.pointer(pointer));
    let all = lists.chain(single).chain(referred);
    all.filter_map(move |part| left.map(|left| (part, left)))
}
