//! What a tool call can lead to. Cases that call for different actions are different values.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{code::Code, failure::Failure, schema::SchemaError, time::Timestamp};

use super::failure::ToolFailure;

/// How a tool call ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    /// It returned something.
    Found(Value),
    /// It worked, and there is nothing: `null` or an empty list.
    Empty,
    /// It is known not to have worked.
    Failed(ToolFailure),
    /// It was not called.
    Denied(Denial),
    /// It cannot be known whether it acted.
    InDoubt(InDoubt),
}

impl ToolOutcome {
    /// Makes the outcome of a call that returned `value`.
    #[must_use]
    pub fn of(value: Value) -> Self {
        match &value {
            Value::Null => Self::Empty,
            Value::Array(items) if items.is_empty() => Self::Empty,
            Value::Array(_)
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => Self::Found(value),
        }
    }

    /// Returns the word that tables and metrics use.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Empty => "empty",
            Self::Failed(_) => "failed",
            Self::Denied(_) => "denied",
            Self::InDoubt(_) => "in_doubt",
        }
    }
}

/// Why a tool was not called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// The tool that was asked for.
    pub tool: String,
    /// Why it was not called.
    pub reason: DenialReason,
}

const FORBIDS: &str = "a policy forbids";
const REFUSED: &str = "a person refused";

/// The reasons not to call a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenialReason {
    /// The step has no grant for it.
    NotGranted,
    /// There is no tool of that name.
    Unknown,
    /// The arguments do not fit.
    Arguments(Vec<SchemaError>),
    /// A policy forbids it; the text is the policy's.
    Policy(String),
    /// A person rejected it; the text is the person's.
    Rejected(String),
}

impl Denial {
    /// Returns the code of the error a person sees.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self.reason {
            DenialReason::Unknown => Code::ToolUnknown,
            DenialReason::Arguments(_) => Code::ToolArguments,
            DenialReason::NotGranted => Code::ToolNotGranted,
            DenialReason::Policy(_) => Code::ToolForbidden,
            DenialReason::Rejected(_) => Code::ToolRefused,
        }
    }

    /// Reads back what [`into_failure`](Self::into_failure) wrote.
    #[must_use]
    pub fn of(tool: &str, failure: &Failure) -> Self {
        let after = |words: &str| {
            let text = failure.message.strip_prefix(&format!("{words} `{tool}`: "));
            text.unwrap_or(&failure.message).to_owned()
        };
        let is = |code| failure.code == code;
        let reason = if is(Code::ToolUnknown) {
            DenialReason::Unknown
        } else if is(Code::ToolArguments) {
            DenialReason::Arguments(vec![SchemaError::whole(&failure.message)])
        } else if is(Code::ToolForbidden) {
            DenialReason::Policy(after(FORBIDS))
        } else if is(Code::ToolRefused) {
            DenialReason::Rejected(after(REFUSED))
        } else {
            DenialReason::NotGranted
        };
        Self { tool: tool.to_owned(), reason }
    }

    /// Returns the denial as a step sees it.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        Failure::permanent(self.code(), self.to_string())
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = &self.tool;
        match &self.reason {
            DenialReason::NotGranted => write!(f, "`{tool}` is not granted to this step"),
            DenialReason::Unknown => write!(f, "there is no tool `{tool}`"),
            DenialReason::Arguments(errors) => {
                write!(f, "the arguments of `{tool}` do not fit: ")?;
                let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
                f.write_str(&errors.join("; "))
            }
            DenialReason::Policy(why) => write!(f, "{FORBIDS} `{tool}`: {why}"),
            DenialReason::Rejected(why) => write!(f, "{REFUSED} `{tool}`: {why}"),
        }
    }
}

/// An action of which it cannot be known whether it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InDoubt {
    /// When it was first sent.
    pub first_sent_at: Timestamp,
    /// Why it cannot be known.
    pub because: String,
}

impl InDoubt {
    /// Returns the doubt as a step sees it.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        let message = format!("it cannot be known whether it happened: {}", self.because);
        Failure::permanent(Code::InDoubt, message)
    }
}

#[cfg(test)]
#[path = "outcome/tests.rs"]
mod tests;
