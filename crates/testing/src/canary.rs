//! Secrets that are made to be found: each stands nowhere but where a test put it, and wherever else
//! it turns up, in whatever form, something told it on.
//!
//! The forms are written down here once more, without the product's own list: what that forgets must
//! be found. Halves are looked for, too, for what is cut to a length may cut a secret in two.

use std::{
    collections::BTreeMap,
    fs,
    hash::{BuildHasher, RandomState},
    path::Path,
};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};

/// A secret that nobody else has.
#[derive(Debug)]
pub struct Canary {
    name: String,
    secret: String,
    forms: Vec<String>,
    finder: AhoCorasick,
}

impl Canary {
    /// Makes one, with the characters in it that the forms differ by.
    ///
    /// # Panics
    /// Its forms cannot be looked for.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a check that cannot look has not looked")]
    pub fn new(name: &str) -> Self {
        let random = || RandomState::new().hash_one(name);
        // In hexadecimal it fits a label of a host's name.
        let secret = format!("c+/&\"{:016x}={:09x}", random(), random() >> 28);
        let mut named = Vec::new();
        let (head, tail) = secret.split_at(secret.len() / 2);
        for (part, of) in [(&*secret, "whole"), (head, "first half"), (tail, "second half")] {
            named.extend(
                forms(part).into_iter().map(|(form, bytes)| (format!("{form}, {of}"), bytes)),
            );
        }
        let (forms, bytes): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(bytes);
        Self { name: name.to_owned(), secret, forms, finder: finder.expect("forms to look for") }
    }

    /// Returns what it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Returns the form in which it stands there, if it does.
    #[must_use]
    pub fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        let found = self.finder.find(bytes)?;
        self.forms.get(found.pattern().as_usize()).map(String::as_str)
    }
}

/// Everything that was looked at, and where a canary was found.
#[derive(Debug, Default)]
pub struct Search {
    looked_at: BTreeMap<&'static str, (usize, usize)>,
    found: Vec<String>,
}

impl Search {
    /// Looks for canaries in one artefact of a kind: in its bytes as they are, and once the characters
    /// in them that are written by their numbers are read.
    pub fn look<'a>(
        &mut self,
        canaries: impl IntoIterator<Item = &'a Canary>,
        kind: &'static str,
        what: &str,
        bytes: &[u8],
    ) {
        let (artefacts, looked_at) = self.looked_at.entry(kind).or_default();
        *artefacts += usize::from(!bytes.is_empty());
        *looked_at += bytes.len();
        let read = read_numbers(bytes);
        for canary in canaries {
            let found = canary.found_in(bytes).or_else(|| canary.found_in(read.as_ref()?));
            if let Some(form) = found {
                self.found.push(format!("{kind}: {what}: `{}` as {form}", canary.name));
            }
        }
    }

    /// Looks into every file of a folder.
    ///
    /// # Panics
    /// The folder cannot be read.
    #[expect(clippy::expect_used, reason = "a check that cannot look has not looked")]
    pub fn look_into<'a>(
        &mut self,
        canaries: impl IntoIterator<Item = &'a Canary> + Clone,
        kind: &'static str,
        folder: &Path,
    ) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.look_into(canaries.clone(), kind, &path);
            } else if let Ok(bytes) = fs::read(&path) {
                self.look(canaries.clone(), kind, &path.display().to_string(), &bytes);
            }
        }
    }

    /// Returns how many artefacts and bytes of each kind were looked at; empty ones do not count.
    #[must_use]
    pub fn looked_at(&self) -> &BTreeMap<&'static str, (usize, usize)> {
        &self.looked_at
    }

    /// Returns each place where a canary was found.
    #[must_use]
    pub fn found(&self) -> &[String] {
        &self.found
    }
}

/// Returns the bytes with every `\u0063` in them read, however many backslashes it has in a JSON inside
/// of JSON; nothing if there is none.
fn read_numbers(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut pieces = bytes.split(|byte| *byte == b'\\');
    let (mut read, mut any) = (pieces.next()?.to_vec(), false);
    for piece in pieces {
        let number = number(piece);
        any |= number.is_some();
        read.extend(number);
        // Backslashes that are none of a number's separate nothing that is looked for.
        let plain = piece.get(if number.is_some() { NUMBER.. } else { 0.. });
        read.extend_from_slice(plain.unwrap_or_default());
    }
    any.then_some(read)
}

/// How long `u0063` is.
const NUMBER: usize = 5;

/// Reads `u0063`.
fn number(bytes: &[u8]) -> Option<u8> {
    let digits = bytes.strip_prefix(b"u00")?.get(..2)?;
    u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// Returns the forms of a text by name. Letters are compared in any case.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = text.as_bytes();
    let each = |written: fn(u8) -> String| bytes.iter().map(|byte| written(*byte)).collect();
    let hex: String = each(|byte| format!("{byte:02x}"));
    let percent: String = each(|byte| format!("%{byte:02x}"));
    let url: String = each(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    });
    let numbers: String = each(|byte| format!("\\u{byte:04x}"));
    let json = serde_json::Value::from(text).to_string();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or_default();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut forms = vec![
        ("plain", text.to_owned()),
        ("reversed", text.chars().rev().collect()),
        ("hexadecimal", hex),
        ("percent-encoded", percent),
        ("url-encoded", url),
        ("JSON by numbers", numbers),
        ("JSON", json.to_owned()),
        ("JSON with slashes", json.replace('/', "\\/")),
    ];
    for before in ["", "a", "ab"] {
        let padded = format!("{before}{text}");
        // The characters that depend on the text alone.
        let (from, to) = ((before.len() * 8).div_ceil(6), padded.len() * 8 / 6);
        for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&padded);
            forms.push(("base64", encoded.get(from..to).unwrap_or_default().to_owned()));
        }
    }
    let mut forms: Vec<_> =
        forms.into_iter().map(|(name, form)| (name, form.into_bytes())).collect();
    forms.push(("UTF-16", utf16.strip_suffix(&[0]).unwrap_or_default().to_vec()));
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form_of(canary: &Canary, text: &str) -> String {
        canary.found_in(text.as_bytes()).unwrap_or("not found").to_owned()
    }

    #[test]
    fn a_canary_is_found_in_every_form_whole_and_cut() {
        let canary = Canary::new("crm");
        let secret = canary.secret();
        let cut: String = secret.chars().take(20).collect();
        assert!(form_of(&canary, &format!("x{secret}y")).starts_with("plain"));
        assert!(form_of(&canary, &secret.to_uppercase()).starts_with("plain"));
        assert_eq!(form_of(&canary, &format!("x{cut}")), "plain, first half");
        let reversed: String = secret.chars().rev().collect();
        assert!(form_of(&canary, &reversed).starts_with("reversed"));
        let hex: String = secret.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert!(form_of(&canary, &hex).starts_with("hexadecimal"));
        let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert!(form_of(&canary, &percent).starts_with("percent"));
        let encoded = BASE64_STANDARD_NO_PAD.encode(format!("user:{secret}:x"));
        assert!(form_of(&canary, &encoded).starts_with("base64"));
        let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(canary.found_in(&wide).map(|form| form.starts_with("UTF-16")), Some(true));
        assert_eq!(Canary::new("crm").found_in(secret.as_bytes()), None, "it is another's");
    }

    #[test]
    fn characters_that_are_written_by_their_numbers_are_read() {
        let canary = Canary::new("crm");
        let spelt = canary.secret().chars().enumerate().map(|(at, c)| match at % 2 {
            0 => format!("\\\\u{:04X}", u32::from(c)),
            _ => c.to_string(),
        });
        let mut search = Search::default();
        let inside = format!(r#"{{"a": "\n{}"}}"#, spelt.collect::<String>());
        search.look([&canary], "rows", "payload", inside.as_bytes());
        assert_eq!(search.found(), ["rows: payload: `crm` as plain, whole"]);
    }

    #[test]
    fn a_search_counts_what_it_looked_at_and_names_the_place() {
        let (mine, other) = (Canary::new("mine"), Canary::new("other"));
        let mut search = Search::default();
        search.look([&mine, &other], "logs", "worker", mine.secret().as_bytes());
        search.look([&mine], "logs", "nothing", b"");
        assert_eq!(search.looked_at()["logs"], (1, mine.secret().len()));
        assert_eq!(search.found(), ["logs: worker: `mine` as plain, whole"]);
    }
}
