//! Placeholders: `{topic}` in a text becomes the input of that name.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Returns the names that a text asks for, each once.
///
/// CrewAI's rule: a letter or `_`, then letters, digits, `_` and `-`, between braces and without
/// spaces. All other braces, such as those of JSON, are left alone.
pub(super) fn names(text: &str) -> BTreeSet<&str> {
    pieces(text)
        .filter_map(|piece| match piece {
            Piece::Name(name) => Some(name),
            Piece::Text(_) => None,
        })
        .collect()
}

/// Returns the text with its placeholders filled. What an input says is not looked at again: it may
/// hold braces of its own.
///
/// # Errors
/// The first name that no input has.
pub(super) fn fill(text: &str, inputs: &Map<String, Value>) -> Result<String, String> {
    pieces(text)
        .map(|piece| match piece {
            Piece::Text(text) => Ok(text.to_owned()),
            Piece::Name(name) => match inputs.get(name) {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(value) => Ok(value.to_string()),
                None => Err(name.to_owned()),
            },
        })
        .collect()
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, after)) = placeholder(rest) {
            rest = after;
            return Some(Piece::Name(name));
        }
        // A brace that begins no placeholder is text.
        let skip = rest.chars().next().map_or(0, char::len_utf8);
        let end =
            rest.get(skip..).and_then(|tail| tail.find('{')).map_or(rest.len(), |at| at + skip);
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(Piece::Text(piece))
    })
}

/// Returns the placeholder that a text begins with, and what follows it.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('{')?.split_once('}')?;
    let first = name.chars().next()?;
    let begins = first.is_ascii_alphabetic() || first == '_';
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (begins && name.chars().all(goes_on)).then_some((name, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let inputs = json!({"topic": "{year} of {topic}", "year": 2026, "tags": ["a"], "a-b": "x"});
        fill(text, inputs.as_object().unwrap())
    }

    #[test]
    fn placeholders_are_filled_once_and_other_braces_left_alone() {
        let cases = [
            ("about {topic}", "about {year} of {topic}"),
            ("{year}{year} {tags} {a-b}", "20262026 [\"a\"] x"),
            (r#"{"json": {"a": 1}} { topic } {} {1a}"#, r#"{"json": {"a": 1}} { topic } {} {1a}"#),
            ("{{topic}}", "{{year} of {topic}}"),
            ("open { and {", "open { and {"),
        ];
        for (text, expected) in cases {
            assert_eq!(filled(text), Ok(expected.to_owned()), "{text}");
        }
        assert_eq!(filled("{topic} {who}"), Err("who".to_owned()));
    }

    proptest! {
        #[test]
        fn a_text_without_placeholders_stays_what_it_is(text in r#"[a{}" é:]{0,20}"#) {
            if names(&text).is_empty() {
                prop_assert_eq!(fill(&text, &Map::new()), Ok(text));
            }
        }
    }
}
