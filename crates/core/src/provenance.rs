//! Where the values of arguments come from: what a call acts on is taken from trusted values, or
//! nobody may take it for granted.
//!
//! # Why values, and not variables
//!
//! Between a tool's result and the next call stands a model or ordinary code, and neither carries
//! labels along. But the values themselves can be compared: a recipient that stands in no trusted
//! value was made up or read somewhere else. Whoever owns the model may choose among trusted values;
//! it cannot bring one in.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{link, tool::Control};

/// Values that a control argument may have: single values of trusted data, and words of trusted
/// text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedValues {
    leaves: BTreeSet<String>,
    texts: Vec<String>,
}

impl TrustedValues {
    /// Takes every single value of trusted data.
    pub fn take(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.take(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.take(field)),
            Value::String(text) => self.take_text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                self.leaves.insert(value.to_string());
            }
        }
    }

    fn take_text(&mut self, text: &str) {
        self.leaves.insert(Value::from(text).to_string());
        if text.contains(char::is_whitespace) {
            self.texts.push(text.to_owned());
        }
    }

    /// Returns whether a value, with everything in it, is one of these.
    #[must_use]
    pub fn cover(&self, value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().all(|item| self.cover(item)),
            Value::Object(fields) => fields.values().all(|field| self.cover(field)),
            Value::String(text) => {
                self.leaves.contains(&value.to_string()) || self.stands_in_text(text)
            }
            Value::Number(number) => {
                self.leaves.contains(&value.to_string()) || self.stands_in_text(&number.to_string())
            }
            Value::Null | Value::Bool(_) => self.leaves.contains(&value.to_string()),
        }
    }

    fn stands_in_text(&self, word: &str) -> bool {
        !word.is_empty() && self.texts.iter().any(|text| stands_alone(text, word))
    }

    /// Returns whether a host is one of these, or any of these links to it.
    #[must_use]
    pub fn link_to(&self, host: &str) -> bool {
        let linked = |leaf: &String| link::hosts(leaf).any(|linked| linked == host);
        self.cover(&Value::from(host)) || self.leaves.iter().any(linked)
    }

    /// Returns the control arguments of a call that are none of these.
    #[must_use]
    pub fn strays(&self, control: &Control, arguments: &Value) -> Vec<String> {
        let fields = arguments.as_object().into_iter().flatten();
        let strays = fields.filter(|(name, value)| control.includes(name) && !self.cover(value));
        strays.map(|(name, _)| name.clone()).collect()
    }
}

/// Returns whether a word stands in a text with nothing before or after it that could belong to it:
/// `250` does not stand in `2500`, nor `a@b.c` in `aa@b.co`.
fn stands_alone(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let (before, rest) = text.split_at(at);
        let after = rest.strip_prefix(word).unwrap_or_default();
        let mut following = after.chars();
        let ends = match following.next() {
            // A sentence may end behind it.
            Some('.' | ',' | ':' | ';' | '?' | '!') => {
                !following.next().is_some_and(|next| belongs(next) || next == '.')
            }
            Some(next) => !belongs(next),
            None => true,
        };
        ends && !before.chars().next_back().is_some_and(|last| belongs(last) || last == '.')
    })
}

fn belongs(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '/' | '@' | '+' | '%' | '\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn trusted() -> TrustedValues {
        let mut values = TrustedValues::default();
        values.take(&json!({
            "order": 4711,
            "customer": { "mail": "ann@example.com" },
            "task": "Refund 250 EUR to DE44-5001, then write to /out/report.txt. Ask bob@example.org.",
        }));
        values
    }

    #[test]
    fn a_value_of_trusted_data_is_taken_and_a_word_of_trusted_text() {
        for value in [
            json!(4711),
            json!("ann@example.com"),
            json!("bob@example.org"),
            json!(250),
            json!("DE44-5001"),
            json!("/out/report.txt"),
            json!([4711, { "to": "ann@example.com" }]),
            json!([]),
        ] {
            assert!(trusted().cover(&value), "{value}");
        }
    }

    #[test]
    fn what_only_looks_like_a_trusted_value_is_not_taken() {
        for value in [
            json!("mallory@example.com"),
            json!(4712),
            json!(25),
            json!("50 EUR"),
            json!("nn@example.com"),
            json!("bob@example.or"),
            json!("/out/report"),
            json!("report.txt"),
            json!("out/report.txt"),
            json!("Ann@example.com"),
            json!("ann@example.com "),
            json!(""),
            json!(true),
            json!(null),
            json!([4711, "mallory@example.com"]),
        ] {
            assert!(!trusted().cover(&value), "{value}");
        }
    }

    #[test]
    fn only_control_arguments_are_looked_at() {
        let arguments = json!({"order": 4711, "to": "mallory@example.com", "text": "anything"});
        assert_eq!(trusted().strays(&Control::All, &arguments), ["text", "to"]);
        assert_eq!(trusted().strays(&Control::from_iter(["order", "to"]), &arguments), ["to"]);
        assert!(trusted().strays(&Control::none(), &arguments).is_empty());
    }

    #[test]
    fn what_a_trusted_value_links_to_may_be_linked_to() {
        let mut values = TrustedValues::default();
        values.take(
            &json!({ "shop": "https://partner.example/a?b=1", "note": "ask www.other.example" }),
        );
        for host in ["partner.example", "www.other.example"] {
            assert!(values.link_to(host), "{host}");
        }
        for host in ["evil.example", "example", "artner.example", "partner.example.evil.example"] {
            assert!(!values.link_to(host), "{host}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_trusted_that_no_trusted_value_contains(word in "[a-z]{1,3}[0-9@./-]{1,6}") {
            let text = "Refund 250 EUR to DE44-5001, then write to /out/report.txt";
            let mut values = TrustedValues::default();
            values.take(&json!(text));
            prop_assert!(!values.cover(&json!(word)) || text.contains(&word));
        }
    }
}
