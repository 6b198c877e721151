//! A pattern that a flow's author declared: it fits or not, and its named groups are fields.

use std::fmt;

use mainstay_core::code::Code;
use regex::{Regex, RegexBuilder};

/// The most bytes of a compiled pattern.
const LARGEST: usize = 1 << 20;

/// A pattern cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    flow: String,
    pattern: String,
    reason: String,
}

impl PatternError {
    /// Returns the stable code that people see.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::InvalidFlow
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flow, pattern, reason } = self;
        write!(f, "flow `{flow}`: the pattern `{pattern}` cannot be read: {reason}")
    }
}

impl std::error::Error for PatternError {}

/// A pattern, without regard to case. It takes time in proportion to the text, whatever that holds.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Regex);

impl Pattern {
    pub(super) fn read(flow: &str, text: &str) -> Result<Self, PatternError> {
        let regex = RegexBuilder::new(text).case_insensitive(true).size_limit(LARGEST).build();
        regex.map(Self).map_err(|error| {
            let said = error.to_string();
            let reason = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
            PatternError {
                flow: flow.to_owned(),
                pattern: text.to_owned(),
                reason: reason.to_owned(),
            }
        })
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Returns the named groups with what they hold.
    pub(super) fn read_from<'t>(&self, text: &'t str) -> Vec<(String, &'t str)> {
        let Some(found) = self.0.captures(text) else { return Vec::new() };
        let names = self.0.capture_names().flatten();
        names.filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str()))).collect()
    }
}
