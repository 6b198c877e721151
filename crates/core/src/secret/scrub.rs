//! Taking secrets out of what comes back, in every form in which servers repeat them.
//!
//! Whoever answers may quote the request: a proxy's error page, an echo, a hostile server that wants
//! the key in a place where somebody else can read it. So what was sent is looked for in what comes
//! back: as it is, backwards, in base64, hexadecimal, percent-encoded, escaped as in JSON and in
//! UTF-16; of a secret of several lines each line, for they come back one at a time.
//!
//! What is cut to a length is cut afterwards: a part of a secret is not recognised.

use std::{borrow::Cow, fmt, fmt::Write};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value};

use super::{Secret, SecretRef};

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
        let added = self.add_as(&format!("[{reference}]"), secret);
        added.map_err(|why| format!("`{reference}` {why}"))
    }

    /// Looks for one more secret, in whose place `mark` is put.
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub fn add_as(&mut self, mark: &str, secret: &Secret) -> Result<(), String> {
        if secret.expose().len() < SHORTEST {
            return Err("is shorter than 8 bytes: it could not be recognised in an answer".into());
        }
        let lines = secret.expose().lines().filter(|line| line.len() >= SHORTEST);
        for form in std::iter::once(secret.expose()).chain(lines).flat_map(forms) {
            if !self.forms.contains(&form) {
                self.forms.push(form);
                self.marks.push(mark.to_owned());
            }
        }
        let mut finder = AhoCorasick::builder();
        // Hosts are told back in lower case, hexadecimal in either.
        let finder = finder.match_kind(MatchKind::LeftmostLongest).ascii_case_insensitive(true);
        let finder = finder.build(&self.forms);
        self.finder = Some(finder.map_err(|error| format!("cannot be looked for: {error}"))?);
        Ok(())
    }

    /// Returns whether a secret is in there, in any form.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.finder.as_ref().is_some_and(|finder| finder.is_match(bytes))
    }

    /// Returns how many bytes can be searched before those come that follow: at the end may stand the
    /// beginning of a secret.
    #[must_use]
    pub fn settled(&self, bytes: &[u8]) -> usize {
        let begins = |form: &[u8]| {
            let tails = (1..form.len().min(bytes.len() + 1)).rev();
            let mut begun = tails.filter(|n| {
                let (head, tail) = (form.get(..*n), bytes.get(bytes.len() - n..));
                head.zip(tail).is_some_and(|(head, tail)| head.eq_ignore_ascii_case(tail))
            });
            begun.next().unwrap_or(0)
        };
        let open = self.forms.iter().map(|form| begins(form)).max().unwrap_or(0);
        let end = bytes.len() - open;
        // What begins there may be the end of one that is whole.
        let mut whole = self.finder.iter().flat_map(|finder| finder.find_iter(bytes));
        let across = whole.find(|found| found.start() < end && end < found.end());
        across.map_or(end, |found| found.start())
    }

    /// Returns the bytes without secrets; borrowed if there was none.
    #[must_use]
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.finder {
            Some(finder) if finder.is_match(bytes) => {
                Cow::Owned(finder.replace_all_bytes(bytes, &self.marks))
            }
            Some(_) | None => Cow::Borrowed(bytes),
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

    /// Returns a text that may be JSON without secrets: JSON can spell one in more ways than a text is
    /// searched for. Without one it is as it came.
    #[must_use]
    pub fn json(&self, text: &str) -> String {
        let text = self.text(text);
        if self.finder.is_none() || !text.contains('\\') {
            return text;
        }
        let Ok(value) = serde_json::from_str::<Value>(&text) else { return text };
        let clean = self.value(value.clone());
        if clean == value { text } else { clean.to_string() }
    }

    /// Returns the value without secrets, also in the names of its fields and in texts that are JSON
    /// themselves.
    #[must_use]
    pub fn value(&self, value: Value) -> Value {
        if self.finder.is_none() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.json(&text)),
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
    forms.extend([every_byte, alphanumeric].map(|plain| escaped(value, plain)));
    forms.push(escaped(json, ascii));
    for offset in 0..3 {
        forms.extend(base64_core(bytes, offset));
    }
    forms.extend(utf16(value));
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

fn alphanumeric(byte: u8) -> Option<char> {
    byte.is_ascii_alphanumeric().then_some(char::from(byte))
}

fn ascii(byte: u8) -> Option<char> {
    byte.is_ascii().then_some(char::from(byte))
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

/// Returns the value as JSON may write it: by the numbers of its UTF-16 units.
fn escaped(value: &str, plain: fn(u8) -> Option<char>) -> Vec<u8> {
    let mut text = String::new();
    for unit in value.encode_utf16() {
        let _ = match u8::try_from(unit).ok().and_then(plain) {
            Some(plain) => write!(text, "{plain}"),
            None => write!(text, "\\u{unit:04x}"),
        };
    }
    text.into_bytes()
}

/// Returns the value in UTF-16 without the zero at one end, so that either order of bytes is found.
/// What is no UTF-8 when taken for it never becomes text, and is left out: texts are searched, too.
fn utf16(value: &str) -> Option<Vec<u8>> {
    let bytes: Vec<_> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let core = bytes.strip_suffix(&[0])?.to_vec();
    str::from_utf8(&core).is_ok().then_some(core)
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
            r"\u0073\u0033\u0063\u0072\u002b\u0074\u002F\u0076\u0061\u0020\u006C\u0075\u0065",
            r"s3cr\u002Bt\u002Fva\u0020lue",
            "s\x003\0c\0r\0+\0t\0/\0v\0a\0 \0l\0u\0e",
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
        let odd = r#"{ "a": "s\u0033cret\u002d\"value\"" }"#;
        assert_eq!(scrub.json(odd), r#"{"a":"[secret:crm]"}"#);
        assert_eq!(scrub.value(json!([odd])), json!([r#"{"a":"[secret:crm]"}"#]));
        assert_eq!(scrub.json(r#"{ "a": 1.0 }"#), r#"{ "a": 1.0 }"#, "as it came");
        let escaped = r#"{"a":"s3cret-\"value\""}"#;
        assert_eq!(scrub.text(escaped), r#"{"a":"[secret:crm]"}"#);
    }

    #[test]
    fn a_secret_of_several_lines_is_found_line_by_line() {
        let scrub = scrub("-----BEGIN\r\nthe first line\nshort\nthe last line\n");
        for line in ["the first line", "enil tsal eht", "THE LAST LINE"] {
            assert_eq!(scrub.text(line), "[secret:crm]", "{line}");
        }
        assert_eq!(scrub.text("short"), "short", "it could not be told from other text");
    }

    #[test]
    fn a_secret_that_is_no_ascii_is_found_and_texts_stay_texts() {
        let scrub = scrub("geheim-größe-\u{1F511}");
        for text in ["<geheim-größe-\u{1F511}>", r"<geheim-gr\u00f6\u00dfe-\ud83d\udd11>"] {
            assert!(scrub.finds(text.as_bytes()), "{text}");
        }
        assert_eq!(scrub.text("größe \u{1F511} ö"), "größe \u{1F511} ö");
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
        fn a_secret_is_found_in_pieces_cut_anywhere(
            before in "[ab]{0,9}", secret in "[ab]{8,12}", cuts in prop::collection::vec(1_usize..6, 1..20),
        ) {
            let scrub = scrub(&secret);
            let whole = format!("{before}{secret}");
            let (mut told, mut held, mut rest) = (String::new(), String::new(), whole.as_str());
            for cut in cuts.into_iter().chain([whole.len()]) {
                let (piece, more) = rest.split_at(cut.min(rest.len()));
                held.push_str(piece);
                rest = more;
                let later = held.split_off(scrub.settled(held.as_bytes()));
                told.push_str(&scrub.text(&std::mem::replace(&mut held, later)));
            }
            told.push_str(&scrub.text(&held));
            prop_assert!(!told.contains(&secret), "{told}");
        }

        #[test]
        fn scrubbed_text_has_no_secret(text in "[ -~]{0,30}", secret in "[!-~]{8,24}") {
            let scrub = scrub(&secret);
            let clean = scrub.text(&format!("{text}{secret}{text}"));
            prop_assert!(!clean.contains(&secret) || secret.contains("[secret:crm]"));
        }
    }
}
