//! What the file may say about a tool, in the same words whatever reaches the tool.

use std::collections::BTreeSet;

use mainstay_core::{
    breaker::BreakerPolicy,
    code::Code,
    label::{Integrity, Label, Principal, Readers},
    retry::RetryPolicy,
    tool::{EffectClass, KeyValidity},
};
use serde::Deserialize;

use super::section::Span;
use crate::cli::error::CliError;

/// What repeating a call would do. Nothing that is only configured can be asked whether a call
/// happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    Read,
    Idempotent,
    #[default]
    AtMostOnce,
}

/// Something is idempotent, and nobody says for how long a key is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoStatedTime;

impl Effect {
    /// Returns the word that stands in the file.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Idempotent => "idempotent",
            Self::AtMostOnce => "at_most_once",
        }
    }

    /// Returns the class.
    pub(crate) fn class(self, validity: Option<Validity>) -> Result<EffectClass, NoStatedTime> {
        match (self, validity) {
            (Self::Read, _) => Ok(EffectClass::Read),
            (Self::AtMostOnce, _) => Ok(EffectClass::AtMostOnce),
            (Self::Idempotent, Some(Validity(key_valid_for))) => {
                Ok(EffectClass::Idempotent { key_valid_for })
            }
            (Self::Idempotent, None) => Err(NoStatedTime),
        }
    }
}

impl NoStatedTime {
    /// Returns the error about the tool at this place of the file.
    pub(crate) fn at(self, place: &str) -> CliError {
        let message = format!("{place} is idempotent for no stated time");
        CliError::new(Code::InvalidConfig, message)
            .with_hint("write key_valid_for = \"24h\" or \"forever\"")
    }
}

/// How long a key is recognised: a span, or `forever`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Validity(pub(crate) KeyValidity);

impl TryFrom<String> for Validity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self(KeyValidity::Forever));
        }
        Span::try_from(text).map(|Span(span)| Self(KeyValidity::For(span)))
    }
}

/// How often a call is tried, the first attempt included.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Attempts(pub(super) RetryPolicy);

impl TryFrom<u32> for Attempts {
    type Error = String;

    fn try_from(attempts: u32) -> Result<Self, String> {
        RetryPolicy::attempts(attempts).map(Self).map_err(|error| error.to_string())
    }
}

/// What is said about results; `readers` are everybody when absent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LabelSection {
    integrity: Integrity,
    #[serde(default)]
    readers: Option<BTreeSet<Principal>>,
}

impl LabelSection {
    pub(super) fn label(self) -> Label {
        let readers = self.readers.map_or(Readers::Public, Readers::Only);
        Label { integrity: self.integrity, readers }
    }
}

/// When a breaker opens; what is left out is as usual.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BreakerSection {
    window: usize,
    failure_percent: usize,
    cool_down: Span,
}

impl Default for BreakerSection {
    fn default() -> Self {
        let BreakerPolicy { window, failure_percent, cool_down } = BreakerPolicy::default();
        Self { window, failure_percent, cool_down: Span(cool_down) }
    }
}

impl BreakerSection {
    pub(super) fn policy(self) -> BreakerPolicy {
        let Self { window, failure_percent, cool_down: Span(cool_down) } = self;
        BreakerPolicy { window, failure_percent, cool_down }
    }
}
