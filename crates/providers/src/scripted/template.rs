//! Placeholders: `{{order}}` in a reply stands for what the rule's capture `order` found, and
//! `{{amount:number}}`, alone in a JSON string, for the same as a number.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

/// What captures found, by name.
pub(super) type Found = BTreeMap<String, String>;

const NUMBER: &str = ":number";

/// Returns the names of all placeholders in `text`.
///
/// # Errors
/// A `{{` without its `}}`.
pub(super) fn names(text: &str) -> Result<Vec<&str>, &'static str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let (inner, after) = after.split_once("}}").ok_or("a `{{` is never closed by `}}`")?;
        names.push(inner.trim().trim_end_matches(NUMBER).trim_end());
        rest = after;
    }
    Ok(names)
}

/// Calls `visit` with every string in `value`, keys of objects apart.
pub(super) fn each_string<'v>(value: &'v Value, visit: &mut dyn FnMut(&'v str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| each_string(item, visit)),
        Value::Object(fields) => fields.values().for_each(|field| each_string(field, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns `text` with its placeholders replaced, or `None` if one has nothing to stand for.
pub(super) fn fill(text: &str, found: &Found) -> Option<String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        filled.push_str(before);
        filled.push_str(found.get(name.trim().trim_end_matches(NUMBER).trim_end())?);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// Does the same in every string of `value`.
pub(super) fn fill_value(value: &Value, found: &Found) -> Option<Value> {
    Some(match value {
        Value::String(text) => match number_name(text) {
            Some(name) => Value::Number(number(found.get(name)?)?),
            None => Value::String(fill(text, found)?),
        },
        Value::Array(items) => {
            Value::Array(items.iter().map(|i| fill_value(i, found)).collect::<Option<_>>()?)
        }
        Value::Object(fields) => {
            let filled = fields.iter().map(|(key, v)| Some((key.clone(), fill_value(v, found)?)));
            Value::Object(filled.collect::<Option<_>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

fn number_name(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?.trim();
    inner.strip_suffix(NUMBER).map(str::trim_end)
}

fn number(text: &str) -> Option<Number> {
    text.parse::<i64>()
        .map(Number::from)
        .ok()
        .or_else(|| text.parse().ok().and_then(Number::from_f64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found() -> Found {
        [("order", "4711"), ("amount", "12.50")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn placeholders_take_what_was_found() {
        assert_eq!(fill("order {{order}}, {{ amount }}", &found()).unwrap(), "order 4711, 12.50");
        let value =
            json!({"no": "{{order:number}}", "sum": ["{{amount:number}}", "{{order}}"], "n": 1});
        let filled = fill_value(&value, &found()).unwrap();
        assert_eq!(filled, json!({"no": 4711, "sum": [12.5, "4711"], "n": 1}));
    }

    #[test]
    fn what_was_not_found_or_is_no_number_fills_nothing() {
        assert_eq!(fill("{{name}}", &found()), None);
        let no_number = [("order".to_owned(), "A-7".to_owned())].into();
        assert_eq!(fill_value(&json!("{{order:number}}"), &no_number), None);
    }

    #[test]
    fn names_are_listed_and_an_open_brace_is_an_error() {
        assert_eq!(names("{{ a }} and {{b:number}}"), Ok(vec!["a", "b"]));
        assert!(names("{{a").is_err());
    }
}
