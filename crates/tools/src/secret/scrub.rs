//! Taking secrets out of what comes back, in every form in which servers repeat them.
//!
//! Whoever answers may quote the request: a proxy's error page, an echo, a hostile server that wants
//! the key in a place where somebody else can read it. So what was sent is looked for in what comes
//! back: as it is, backwards, in base64, hexadecimal, percent-encoded and escaped as in JSON.

use std::{fmt, fmt::Write};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use mainstay_core::secret::{Secret, SecretRef};
use serde_json::{Map, Value};

/// The fewest bytes of a secret. A shorter one could not be told from other text.
pub const SHORTEST: usize = 8;

/// Finds secrets, and puts `[secret:NAME]` in their place.
#[derive(Clone, Default)]
pub struct Scrub {
    forms: Vec<Vec<u8>>,
    marks: Vec<String>,
    finder: Option<AhoCorasick>,
}

impl Scrub {
    /// Looks for one more secret.
    ///
    /// # Errors
    /// It has fewer bytes than [`SHORTEST`], or cannot be looked for; whoever wanted to send it must
    /// not.
    pub fn add(&mut self, reference: &SecretRef, secret: &Secret) -> Result<(), String> {
        if secret.expose().len() < SHORTEST {
            let why = "is shorter than 8 bytes: it could not be recognised in an answer";
            return Err(format!("`{reference}` {why}"));
        }
        for form in forms(secret.expose()) {
            if !self.forms.contains(&form) {
                self.forms.push(form);
                self.marks.push(format!("[{reference}]"));
            }
        }
        let mut finder = AhoCorasick::builder();
        // Hosts are told back in lower case, hexadecimal in either.
        let finder = finder.match_kind(MatchKind::LeftmostLongest).ascii_case_insensitive(true);
        let finder = finder.build(&self.forms);
        self.finder = Some(finder.map_err(|error| format!("`{reference}`: {error}"))?);
        Ok(())
    }

    /// Returns whether a secret is in there, in any form.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.finder.as_ref().is_some_and(|finder| finder.is_match(bytes))
    }

    /// Returns the bytes without secrets.
    #[must_use]
    pub fn bytes(&self, bytes: Bytes) -> Bytes {
        match &self.finder {
            Some(finder) if finder.is_match(&bytes) => {
                finder.replace_all_bytes(&bytes, &self.marks).into()
            }
            Some(_) | None => bytes,
        }
    }

    /// Returns the text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        match &self.finder {
            Some(finder) => finder.replace_all(text, &self.marks),
            None => text.to_owned(),
        }
    }

    /// Returns the value without secrets, also in the names of its fields.
    #[must_use]
    pub fn value(&self, value: Value) -> Value {
        if self.finder.is_none() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                let clean =
                    fields.into_iter().map(|(key, value)| (self.text(&key), self.value(value)));
                Value::Object(clean.collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
}

impl fmt::Debug for Scrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrub").field("forms", &self.forms.len()).finish_non_exhaustive()
    }
}

/// Returns every form in which a value is looked for.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let bytes = value.as_bytes();
    let mut forms = vec![bytes.to_vec(), value.chars().rev().collect::<String>().into_bytes()];
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    forms.push(hex.into_bytes());
    let json = Value::from(value).to_string();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or_default();
    forms.push(json.replace('/', "\\/").into_bytes());
    forms.push(json.as_bytes().to_vec());
    for encodes in [every_byte, reserved, in_a_form] {
        forms.push(percent(bytes, encodes));
    }
    for offset in 0..3 {
        forms.extend(base64_core(bytes, offset));
    }
    forms
}

fn every_byte(_: u8) -> Option<char> {
    None
}

fn reserved(byte: u8) -> Option<char> {
    let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    plain.then_some(char::from(byte))
}

fn in_a_form(byte: u8) -> Option<char> {
    if byte == b' ' { Some('+') } else { reserved(byte) }
}

fn percent(bytes: &[u8], plain: fn(u8) -> Option<char>) -> Vec<u8> {
    let mut text = String::new();
    for byte in bytes {
        let _ = match plain(*byte) {
            Some(plain) => write!(text, "{plain}"),
            None => write!(text, "%{byte:02x}"),
        };
    }
    text.into_bytes()
}

/// Returns the characters of base64 that depend on the value alone, where it begins so many bytes
/// into a group of three: it may stand in the middle of something longer, such as `user:password`.
fn base64_core(bytes: &[u8], offset: usize) -> impl Iterator<Item = Vec<u8>> {
    let padded = [vec![0; offset], bytes.to_vec()].concat();
    let (from, to) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    [BASE64_STANDARD_NO_PAD.encode(&padded), BASE64_URL_SAFE_NO_PAD.encode(&padded)]
        .into_iter()
        .filter_map(move |text| text.as_bytes().get(from..to).map(<[u8]>::to_vec))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn scrub(value: &str) -> Scrub {
        let mut scrub = Scrub::default();
        scrub.add(&"secret:crm".to_owned().try_into().unwrap(), &Secret::new(value)).unwrap();
        scrub
    }

    #[test]
    fn every_form_is_found_and_named() {
        let scrub = scrub("s3cr+t/va lue");
        let told = [
            "s3cr+t/va lue",
            "eul av/t+rc3s",
            "S3CR+T/VA LUE",
            "733363722b742f7661206c7565",
            "733363722B742F7661206C7565",
            "s3cr%2Bt%2Fva%20lue",
            "s3cr%2bt%2fva+lue",
            "%73%33%63%72%2B%74%2F%76%61%20%6C%75%65",
            r"s3cr+t\/va lue",
        ];
        for text in told {
            assert_eq!(scrub.text(&format!("<{text}>")), "<[secret:crm]>", "{text}");
        }
    }

    #[test]
    fn it_is_found_inside_values_whatever_their_escapes() {
        let scrub = scrub("s3cret-\"value\"");
        let value = json!({"s3cret-\"value\"": ["x s3cret-\"value\" y", 1, null]});
        let clean = json!({"[secret:crm]": ["x [secret:crm] y", 1, null]});
        assert_eq!(scrub.value(value), clean);
        let escaped = r#"{"a":"s3cret-\"value\""}"#;
        assert_eq!(scrub.text(escaped), r#"{"a":"[secret:crm]"}"#);
    }

    #[test]
    fn nothing_is_looked_for_until_something_was_sent() {
        assert!(!Scrub::default().finds(b"anything"));
        assert_eq!(Scrub::default().text("as it is"), "as it is");
        assert!(!format!("{:?}", scrub("long enough")).contains("long"));
        let reference = "secret:crm".to_owned().try_into().unwrap();
        let error = Scrub::default().add(&reference, &Secret::new("s3cret")).unwrap_err();
        assert!(error.contains("secret:crm") && !error.contains("s3cret"), "{error}");
    }

    proptest! {
        #[test]
        fn a_secret_is_found_in_the_middle_of_base64(
            before in "[a-z:]{0,7}", secret in "[!-~]{8,24}", after in "[a-z:]{0,7}",
        ) {
            let scrub = scrub(&secret);
            let whole = format!("{before}{secret}{after}");
            for text in [BASE64_STANDARD_NO_PAD.encode(&whole), BASE64_URL_SAFE_NO_PAD.encode(&whole)] {
                prop_assert!(scrub.finds(text.as_bytes()), "{text}");
            }
        }

        #[test]
        fn scrubbed_text_has_no_secret(text in "[ -~]{0,30}", secret in "[!-~]{8,24}") {
            let scrub = scrub(&secret);
            let clean = scrub.text(&format!("{text}{secret}{text}"));
            prop_assert!(!clean.contains(&secret) || secret.contains("[secret:crm]"));
        }
    }
}
