//! Where two documents differ, in lines that a person can act on.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A value is quoted up to so many characters; it may come from outside.
const QUOTED: usize = 60;

/// Returns the differences, at most so many: the place as a JSON pointer, what is declared, what is
/// served.
pub(super) fn between(declared: &Value, served: &Value, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    walk("", Some(declared), Some(served), &mut lines, most);
    lines
}

fn walk(
    place: &str,
    declared: Option<&Value>,
    served: Option<&Value>,
    lines: &mut Vec<String>,
    most: usize,
) {
    if declared == served || lines.len() >= most {
        return;
    }
    match (declared, served) {
        (Some(Value::Object(declared)), Some(Value::Object(served))) => {
            for key in keys(declared, served) {
                let inner = format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"));
                walk(&inner, declared.get(key), served.get(key), lines, most);
            }
        }
        (declared, served) => {
            let place: String = place.chars().take(4 * QUOTED).collect();
            let (declared, served) = (quoted(declared), quoted(served));
            lines.push(format!(" at {place}: declared {declared}, served {served}"));
        }
    }
}

fn keys<'a>(one: &'a Map<String, Value>, other: &'a Map<String, Value>) -> BTreeSet<&'a String> {
    one.keys().chain(other.keys()).collect()
}

fn quoted(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_difference_is_named_with_its_place() {
        let declared =
            json!({"type": "object", "properties": {"a/b": {"type": "integer"}, "c": {}}});
        let served = json!({"type": "object", "properties": {"a/b": {"type": "number"}, "d": {}}});
        let lines = between(&declared, &served, 9);
        assert_eq!(
            lines,
            [
                r#" at /properties/a~1b/type: declared "integer", served "number""#,
                " at /properties/c: declared {}, served nothing",
                " at /properties/d: declared nothing, served {}",
            ]
        );
        assert_eq!(between(&declared, &served, 1).len(), 1);
        assert!(between(&declared, &declared, 9).is_empty());
    }

    #[test]
    fn what_comes_from_outside_is_quoted_briefly() {
        let lines = between(&json!(1), &json!("ä".repeat(10_000)), 9);
        assert!(lines.iter().all(|line| line.chars().count() < 200), "{lines:?}");
    }
}
