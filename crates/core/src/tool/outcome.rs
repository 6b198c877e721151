//! What a tool call can lead to. Cases that call for different actions are different values.

use std::{error::Error, fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    code::Code,
    failure::{Failure, Retryability},
    schema::SchemaError,
    time::Timestamp,
};

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

/// Whether a failed call may have acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TookEffect {
    /// It is known that it did not.
    No,
    /// Nobody knows.
    Unknown,
}

/// Why a tool did not work.
///
/// Any error becomes one through `?`; it then counts as permanent, and as possibly having acted,
/// because nothing better is known. It is not an [`Error`] itself, so that every error converts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolFailure {
    /// The stable code.
    pub code: Code,
    /// One sentence, lower case, with its causes.
    pub message: String,
    /// Whether another attempt may help.
    pub retry: Retryability,
    /// Whether it may have acted.
    pub took_effect: TookEffect,
    /// How long the other side asked us to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
}

impl ToolFailure {
    /// Makes a failure of which nothing is known: permanent, and it may have acted.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            code: Code::ToolFailed,
            message: message.into(),
            retry: Retryability::Permanent,
            took_effect: TookEffect::Unknown,
            retry_after: None,
        }
    }

    /// Makes the failure of a call that the other side refused: permanent, and it did not act.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(message).without_effect()
    }

    /// Makes the failure of a call that did not reach the other side: retryable, and it did not
    /// act.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(message).with_code(Code::ToolUnavailable).retryable().without_effect()
    }

    /// Makes the failure of a call that did not answer in time: retryable, and it may have acted.
    #[must_use]
    pub fn timed_out(after: Duration) -> Self {
        Self::new(format!("no answer within {after:?}")).with_code(Code::ToolTimedOut).retryable()
    }

    /// Sets the code.
    #[must_use]
    pub const fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Says that another attempt may help.
    #[must_use]
    pub const fn retryable(mut self) -> Self {
        self.retry = Retryability::Retryable;
        self
    }

    /// Says that it is known not to have acted.
    #[must_use]
    pub const fn without_effect(mut self) -> Self {
        self.took_effect = TookEffect::No;
        self
    }

    /// Says how long the other side asked us to wait.
    #[must_use]
    pub const fn with_retry_after(mut self, span: Duration) -> Self {
        self.retry_after = Some(span);
        self
    }
}

impl fmt::Display for ToolFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl<E: Error> From<E> for ToolFailure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::new(message)
    }
}

impl ToolFailure {
    /// Returns the failure as a step sees it.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        let Self { code, message, retry, retry_after, took_effect: _ } = self;
        Failure { code, message, retry, retry_after }
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
            DenialReason::NotGranted | DenialReason::Policy(_) | DenialReason::Rejected(_) => {
                Code::ToolNotGranted
            }
        }
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
            DenialReason::Policy(why) => write!(f, "a policy forbids `{tool}`: {why}"),
            DenialReason::Rejected(why) => write!(f, "a person rejected `{tool}`: {why}"),
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

/// Returns what a model is told about an outcome.
///
/// The five cases must stay apart for the model too: one that takes *unavailable* for *nothing
/// found* invents an answer, one that takes *in doubt* for *failed* acts twice.
#[must_use]
pub fn told_to_model(outcome: &ToolOutcome) -> String {
    match outcome {
        ToolOutcome::Found(value) => value.to_string(),
        ToolOutcome::Empty => {
            "The tool worked and found nothing. This is the answer, not an error.".to_owned()
        }
        ToolOutcome::Failed(failure) if failure.code == Code::ToolUnavailable => format!(
            "The tool is unavailable: {}. Nothing was looked up and nothing was done. This does not \
             mean that nothing exists.",
            failure.message
        ),
        ToolOutcome::Failed(failure) => format!(
            "The tool failed: {}. There is no result; do not assume one. {}",
            failure.message,
            match failure.retry {
                Retryability::Retryable => "It was tried as often as it may be.",
                Retryability::Permanent => "The same call would fail again.",
            }
        ),
        ToolOutcome::Denied(denial) => told_of_denial(denial),
        ToolOutcome::InDoubt(doubt) => format!(
            "It is not known whether the action happened: {}. Do not repeat it, and do not report it \
             as done or as failed. A person has been asked.",
            doubt.because
        ),
    }
}

fn told_of_denial(denial: &Denial) -> String {
    match denial.reason {
        DenialReason::Arguments(_) => {
            format!("The tool was not called: {denial}. Correct the arguments.")
        }
        DenialReason::NotGranted
        | DenialReason::Unknown
        | DenialReason::Policy(_)
        | DenialReason::Rejected(_) => {
            format!("The tool was not called: {denial}. Asking again will not change this.")
        }
    }
}

#[cfg(test)]
#[path = "outcome/tests.rs"]
mod tests;
