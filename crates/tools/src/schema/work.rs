//! How much work a check is, counted before it is done.
//!
//! Two schemas that each say "this or this" about one that does the same double the work at every
//! step: twenty lines of schema, a million visits, gigabytes of errors. A schema comes from a server
//! that somebody else runs, so the visits are counted first, each pair of schema and value once, and
//! a check that could take too many is refused.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// A check visits at most so many pairs of a schema and a value.
pub(super) const MOST: u64 = 1_000_000;

/// References and schemas nest at most so deep in a check.
const DEEPEST: usize = 512;

/// Bytes of a text that count as one visit: patterns and formats read them.
const TEXT: usize = 256;

/// What stands for the visits of a reference that leaves the schema for the language's own.
const META: u64 = 64;

/// Keywords about the same value that hold one schema.
const SAME: [&str; 4] = ["not", "if", "then", "else"];

/// Keywords about the same value that hold a list of schemas.
const SAME_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Keywords about each element of a list.
const ELEMENTS: [&str; 3] = ["items", "contains", "unevaluatedItems"];

/// Keywords about each property of an object.
const PROPERTIES: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];

/// Returns whether checking a value is little enough work. `weight` is the schema's own.
pub(super) fn is_bounded(schema: &Value, weight: Option<u64>, value: &Value) -> bool {
    let plain = weight.is_some_and(|weight| weight.saturating_mul(size(value)) <= MOST);
    plain || Count::new(schema).visits(schema, Some(value), DEEPEST) <= MOST
}

/// Returns how many schemas are looked at for one value at most, or none if that depends on the
/// value: the schema refers to itself.
pub(super) fn weight(schema: &Value) -> Option<u64> {
    let mut count = Count::new(schema);
    let weight = count.visits(schema, None, DEEPEST);
    (!count.circles && weight <= MOST).then_some(weight)
}

/// Returns how many values there are, long texts counted by their length.
fn size(value: &Value) -> u64 {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        Value::String(text) => (text.len() / TEXT) as u64,
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

type Pair = (*const Value, *const Value);

/// Counts visits, each pair of schema and value once.
struct Count<'a> {
    root: &'a Value,
    known: HashMap<Pair, Option<u64>>,
    circles: bool,
    /// Steps of the count itself, which is given up as the check would be.
    steps: u64,
}

impl<'a> Count<'a> {
    fn new(root: &'a Value) -> Self {
        Self { root, known: HashMap::new(), circles: false, steps: 0 }
    }

    /// Counts the visits for a value, or for any one value when none is given.
    fn visits(&mut self, schema: &'a Value, value: Option<&'a Value>, deeper: usize) -> u64 {
        self.steps += 1;
        if self.steps > MOST {
            return MOST + 1;
        }
        let Value::Object(keywords) = schema else { return 1 };
        if is_leaf(keywords) {
            return 1 + value.map_or(0, read);
        }
        let pair = (std::ptr::from_ref(schema), value.map_or(std::ptr::null(), std::ptr::from_ref));
        match self.known.get(&pair) {
            Some(Some(visits)) => return *visits,
            // The validator sees that it is in a circle and stops, too.
            Some(None) => {
                self.circles = true;
                return 1;
            }
            None => {}
        }
        let Some(below) = deeper.checked_sub(1) else { return MOST + 1 };
        self.known.insert(pair, None);
        let same = self.same(keywords, value, below);
        // What is unevaluated is found out by looking at the others once more.
        let again = keywords.keys().filter(|name| name.starts_with("unevaluated")).count() as u64;
        let visits = same.saturating_mul(1 + again);
        let inner = self.inner(keywords, value, below);
        let visits = visits.saturating_add(inner).saturating_add(1 + listed(keywords));
        let visits = visits.saturating_add(value.map_or(0, read));
        self.known.insert(pair, Some(visits));
        visits
    }

    /// Counts what describes the same value.
    fn same(
        &mut self,
        keywords: &'a Map<String, Value>,
        value: Option<&'a Value>,
        below: usize,
    ) -> u64 {
        let single = SAME.iter().filter_map(|name| keywords.get(*name));
        let lists = SAME_LISTS.iter().filter_map(|name| keywords.get(*name)?.as_array()).flatten();
        let named = keywords.get("dependentSchemas").and_then(Value::as_object);
        let named = named.into_iter().flat_map(Map::values);
        let schemas: Vec<_> = single.chain(lists).chain(named).collect();
        let mut visits = self.sum(&schemas, value, below);
        for name in ["$ref", "$dynamicRef"] {
            let Some(reference) = keywords.get(name).and_then(Value::as_str) else { continue };
            let targets = targets(self.root, reference);
            if targets.is_empty() {
                visits = visits.saturating_add(META.saturating_mul(value.map_or(1, size)));
            }
            visits = visits.saturating_add(self.sum(&targets, value, below));
        }
        visits
    }

    /// Counts what describes the values inside.
    fn inner(
        &mut self,
        keywords: &'a Map<String, Value>,
        value: Option<&'a Value>,
        below: usize,
    ) -> u64 {
        let one = |name: &&str| keywords.get(*name);
        let prefix = keywords.get("prefixItems").and_then(Value::as_array).into_iter().flatten();
        let elements: Vec<_> = ELEMENTS.iter().filter_map(one).collect();
        let others: Vec<_> = PROPERTIES.iter().filter_map(one).collect();
        let named = |name| keywords.get(name).and_then(Value::as_object);
        let patterns: Vec<_> =
            named("patternProperties").into_iter().flat_map(Map::values).collect();
        let names: Vec<_> = keywords.get("propertyNames").into_iter().collect();
        match value {
            Some(Value::Array(items)) => {
                let first =
                    prefix.zip(items).map(|(schema, item)| self.visits(schema, Some(item), below));
                let first = first.fold(0, u64::saturating_add);
                items.iter().fold(first, |visits: u64, item| {
                    visits.saturating_add(self.sum(&elements, Some(item), below))
                })
            }
            Some(Value::Object(fields)) => fields.iter().fold(0, |visits: u64, (name, field)| {
                if visits > MOST {
                    return visits;
                }
                let own = named("properties").and_then(|named| named.get(name));
                let each = [others.as_slice(), patterns.as_slice(), own.as_slice()].concat();
                let inner = self.sum(&each, Some(field), below);
                let keys = self.sum(&names, None, below).saturating_add(patterns.len() as u64);
                visits.saturating_add(inner).saturating_add(keys)
            }),
            Some(_) => 0,
            None => {
                let own = named("properties").into_iter().flat_map(Map::values);
                let all: Vec<_> =
                    prefix.chain(elements).chain(others).chain(patterns).chain(names).collect();
                let all = [all, own.collect()].concat();
                self.sum(&all, None, below)
            }
        }
    }

    fn sum(&mut self, schemas: &[&'a Value], value: Option<&'a Value>, below: usize) -> u64 {
        let mut visits: u64 = 0;
        for schema in schemas {
            visits = visits.saturating_add(self.visits(schema, value, below));
            if visits > MOST {
                break;
            }
        }
        visits
    }
}

/// Returns whether a schema neither holds other schemas nor refers to any.
fn is_leaf(keywords: &Map<String, Value>) -> bool {
    keywords.iter().all(|(name, held)| {
        !held.is_object() && !held.is_array() && name != "$ref" && name != "$dynamicRef"
    })
}

/// Returns how many values a schema lists that a value is held against.
fn listed(keywords: &Map<String, Value>) -> u64 {
    let lists = ["enum", "required"].iter().filter_map(|name| keywords.get(*name)?.as_array());
    lists.map(|list| list.len() as u64 / 8).sum()
}

/// Returns what reading a text once counts.
fn read(value: &Value) -> u64 {
    value.as_str().map_or(0, |text| (text.len() / TEXT) as u64)
}

/// Returns every schema that a reference can mean; none if it is not in here. Anchors and ids are
/// looked for everywhere: one too many only makes the count larger.
fn targets<'a>(root: &'a Value, reference: &str) -> Vec<&'a Value> {
    if let Some(pointer) = reference.strip_prefix('#')
        && (pointer.is_empty() || pointer.starts_with('/'))
        && let Some(found) = root.pointer(&unescaped(pointer))
    {
        return vec![found];
    }
    let (id, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let mut found = Vec::new();
    named(root, id, fragment, &mut found);
    found
}

/// Finds schemas with an anchor, or in a resource with an id.
fn named<'a>(schema: &'a Value, id: &str, fragment: &str, found: &mut Vec<&'a Value>) {
    match schema {
        Value::Object(keywords) => {
            let is = |name: &str, wanted: &str| {
                !wanted.is_empty() && keywords.get(name).and_then(Value::as_str) == Some(wanted)
            };
            let anchored = is("$anchor", fragment) || is("$dynamicAnchor", fragment);
            let resource = keywords.contains_key("$id") && !id.is_empty();
            if anchored || (resource && fragment.is_empty()) {
                found.push(schema);
            } else if resource && let Some(inner) = schema.pointer(&unescaped(fragment)) {
                found.push(inner);
            }
            keywords.values().for_each(|inner| named(inner, id, fragment, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| named(inner, id, fragment, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Undoes the escapes of an address in a fragment; a pointer's own escapes stay.
fn unescaped(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bounded(schema: &Value, value: &Value) -> bool {
        is_bounded(schema, weight(schema), value)
    }

    #[test]
    fn work_that_doubles_at_every_step_is_seen_without_doing_it() {
        let mut defs: Map<String, Value> = (0..40)
            .map(|n| {
                let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
                (format!("d{n}"), json!({"anyOf": [next.clone(), next]}))
            })
            .collect();
        defs.insert("d40".to_owned(), json!({"type": "null"}));
        assert!(!bounded(&json!({"$ref": "#/$defs/d0", "$defs": defs}), &json!(1)));
        let branch = |name| json!({"properties": {"a": {"$ref": "#"}}, "required": [name]});
        let tree = json!({"anyOf": [{"type": "integer"}, branch("b"), branch("c")]});
        let nested = |levels| (0..levels).fold(json!("x"), |inner, _| json!({"a": inner}));
        assert!(bounded(&tree, &nested(5)));
        assert!(!bounded(&tree, &nested(30)));
    }

    #[test]
    fn work_that_grows_with_schema_times_value_is_seen() {
        let patterns: Map<_, _> = (0..500).map(|n| (format!("^.*x{n}$"), json!({}))).collect();
        let fields: Map<_, _> = (0..20_000).map(|n| (format!("key{n}"), json!(1))).collect();
        assert!(!bounded(&json!({"patternProperties": patterns}), &json!(fields)));
        let texts = json!({"allOf": vec![json!({"pattern": "a$"}); 1_000]});
        assert!(!bounded(&texts, &json!("a".repeat(1 << 20))));
    }

    #[test]
    fn what_people_write_is_bounded_up_to_the_largest_arguments() {
        let tree = json!({"$ref": "#/$defs/t", "$defs": {"t": {"properties": {
            "value": {"type": "integer"}, "left": {"$ref": "#/$defs/t"}, "right": {"$ref": "#/$defs/t"}}}}});
        let full =
            (0..10).fold(json!({}), |child, _| json!({"left": child, "right": child, "value": 1}));
        assert!(bounded(&tree, &full), "two thousand nodes");
        let list = json!({"properties": {"list": {"items": {"type": "integer", "minimum": 0}}}});
        assert!(bounded(&list, &json!({"list": vec![1; 500_000]})));
        assert_eq!(weight(&tree), None, "how much depends on the value");
        assert_eq!(weight(&json!({"properties": {"a": {}, "b": {}}})), Some(3));
    }

    #[test]
    fn references_are_followed_however_they_are_written() {
        let schema =
            json!({"$defs": {"a b": {"$anchor": "x"}, "r": {"$id": "https://example.com/r"}}});
        for found in ["#/$defs/a%20b", "#x", "https://example.com/r", "#"] {
            assert_eq!(targets(&schema, found).len(), 1, "{found}");
        }
        assert!(targets(&schema, "#/$defs/none").is_empty());
        let circle = json!({"$ref": "#"});
        assert!(bounded(&circle, &json!(1)), "a circle is no work");
        let chain: Map<_, _> = (0..5_000)
            .map(|n| (format!("d{n}"), json!({"$ref": format!("#/$defs/d{}", n + 1)})))
            .collect();
        assert!(!bounded(&json!({"$ref": "#/$defs/d0", "$defs": chain}), &json!(1)));
    }
}
