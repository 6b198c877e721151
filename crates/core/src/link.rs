//! Links in text that leaves the system: one click, or one preview, carries data to whoever owns the
//! host.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::visible::is_hidden;

/// Hosts to which untrusted text may link, and their subdomains; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkRules {
    hosts: BTreeSet<String>,
}

impl LinkRules {
    /// Allows these hosts.
    #[must_use]
    pub fn allowing<T: AsRef<str>>(hosts: impl IntoIterator<Item = T>) -> Self {
        let hosts = hosts.into_iter().map(|host| plain(host.as_ref()));
        Self { hosts: hosts.collect() }
    }

    /// Returns the hosts that any text in a value links to and that are not allowed, each once.
    #[must_use]
    pub fn strangers(&self, value: &Value) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.look(value, &mut found);
        found
    }

    fn look(&self, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => {
                found.extend(hosts(text).filter(|host| !self.allow(host)));
            }
            Value::Array(items) => items.iter().for_each(|item| self.look(item, found)),
            Value::Object(fields) => fields.iter().for_each(|(name, field)| {
                found.extend(hosts(name).filter(|host| !self.allow(host)));
                self.look(field, found);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn allow(&self, host: &str) -> bool {
        let below = |allowed: &String| {
            host.strip_suffix(allowed.as_str()).is_some_and(|rest| rest.ends_with('.'))
        };
        self.hosts.contains(host) || self.hosts.iter().any(below)
    }
}

/// Returns the hosts of everything in a text that a reader's program may make a link of: whatever
/// follows `//`, whatever the scheme, and a name that begins with `www.`.
pub(crate) fn hosts(text: &str) -> impl Iterator<Item = String> {
    // What a reader does not see, a program that makes links does not mind either.
    let seen: String = text.chars().filter(|c| c.is_whitespace() || !is_hidden(*c)).collect();
    let seen = seen.replace('\\', "/");
    let after_slashes: Vec<_> =
        seen.match_indices("//").filter_map(|at| linked(&seen, at.0)).collect();
    let named: Vec<_> = words(&seen).filter(|word| begins_www(word)).map(authority).collect();
    after_slashes.into_iter().chain(named).filter(|host| !host.is_empty())
}

/// Returns the host after `//`: whatever follows a scheme, and elsewhere what looks like a name.
fn linked(text: &str, at: usize) -> Option<String> {
    let (before, after) = (text.get(..at)?, text.get(at..)?);
    let host = authority(after);
    let has_scheme = before.ends_with(':') || before.ends_with('/');
    (has_scheme || host.contains(['.', ':'])).then_some(host)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| {
        c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | '[' | ']' | '"' | '\'')
    })
}

fn begins_www(word: &str) -> bool {
    word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."))
}

/// Returns the host that a text begins with, without user and port.
fn authority(text: &str) -> String {
    let text = text.trim_start_matches('/');
    let end = text.find(|c: char| {
        c.is_whitespace()
            || matches!(c, '/' | '?' | '#' | '<' | '>' | '"' | '\'' | ')' | '(' | '`' | '|')
    });
    let whole = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let host = whole.rsplit('@').next().unwrap_or(whole);
    match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or(address).to_lowercase(),
        None => plain(host.split(':').next().unwrap_or(host)),
    }
}

/// Lower case, without the dots that may end a name, punctuation, and with full-width dots as dots.
fn plain(host: &str) -> String {
    let dots = host.replace(['\u{3002}', '\u{ff0e}', '\u{ff61}'], ".");
    dots.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn strangers(text: &str) -> Vec<String> {
        let rules = LinkRules::allowing(["shop.example", "Help.Example."]);
        rules.strangers(&json!({ "text": text })).into_iter().collect()
    }

    #[test]
    fn a_link_to_a_host_that_is_not_allowed_is_found() {
        for text in [
            "see https://evil.example/?q=secret",
            "see HTTPS://EVIL.example:8443/x",
            "![pixel](http://evil.example/p.png?d=1)",
            "[click](//evil.example)",
            "<img src='//evil.example/a'>",
            "ftp://evil.example",
            "https://shop.example@evil.example/",
            "https:\\\\evil.example\\x",
            "https:/\u{200b}/evil.example",
            "https://ev\u{ad}il.example",
            "https://evil\u{3002}example",
            "https:////evil.example",
            "javascript://evil.example/%0aalert(1)",
            "[a]: https://evil.example",
            "https://evil.example.",
        ] {
            assert_eq!(strangers(text), ["evil.example"], "{text}");
        }
        assert_eq!(strangers("http://[::1]:80/"), ["::1"]);
        assert_eq!(strangers("http://2130706433/"), ["2130706433"]);
        assert_eq!(strangers("go to www.evil.example/x"), ["www.evil.example"]);
        assert_eq!(strangers("https://notshop.example"), ["notshop.example"]);
        assert_eq!(strangers("https://shop.example.evil.example"), ["shop.example.evil.example"]);
    }

    #[test]
    fn an_allowed_host_and_its_subdomains_may_be_linked_to() {
        for text in [
            "https://shop.example/orders/4711",
            "https://www.shop.example",
            "http://ann@SHOP.example:8080",
            "https://help.example",
            "no link at all, and/or a ratio of 1//2",
        ] {
            assert!(strangers(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn names_of_fields_are_text_too() {
        let value = json!({ "https://evil.example": [{ "deep": 1 }] });
        assert_eq!(LinkRules::default().strangers(&value).len(), 1);
    }
}
