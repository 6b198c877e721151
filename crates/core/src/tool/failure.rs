//! Why a tool did not work, and whether it may have acted all the same.

use std::{error::Error, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    code::Code,
    failure::{Failure, Retryability},
    tool::input::InputWanted,
};

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
    /// What a person has to say before the other side goes on. A caller that can ask does, and calls
    /// again with the answers; for any other the call has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<Box<InputWanted>>,
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
            wants: None,
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

    /// Says what a person has to say first. Where it may have acted, the call is under way and goes
    /// on with the answers; where it has not, it begins anew with them.
    #[must_use]
    pub fn wanting(mut self, wanted: InputWanted) -> Self {
        self.wants = Some(Box::new(wanted));
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
        let Self { code, message, retry, retry_after, took_effect: _, wants: _ } = self;
        Failure { code, message, retry, retry_after }
    }
}
