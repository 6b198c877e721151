//! Why a step failed, as the journal keeps it and as user code raises it.

use std::{any::Any, error::Error, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::code::Code;

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retryability {
    /// Another attempt may succeed.
    Retryable,
    /// Another attempt would fail the same way.
    Permanent,
}

/// A failure as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// One sentence, lower case, with its causes.
    pub message: String,
    /// Whether another attempt may help.
    pub retry: Retryability,
    /// How long the other side asked us to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Makes a failure that another attempt cannot mend.
    #[must_use]
    pub fn permanent(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: Retryability::Permanent, retry_after: None }
    }

    /// Makes a failure that another attempt may mend.
    #[must_use]
    pub fn retryable(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: Retryability::Retryable, retry_after: None }
    }

    /// Adds how long the other side asked us to wait.
    #[must_use]
    pub fn with_retry_after(mut self, span: Option<Duration>) -> Self {
        self.retry_after = span;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Error for Failure {}

/// What `?` makes of any error inside a step.
///
/// It is not an [`Error`] itself, so that every error converts into it. A [`Failure`] passes
/// through with its code; anything else becomes a permanent `MS-2001` with its causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepError(Failure);

impl StepError {
    /// Makes a permanent failure of the step.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(Failure::permanent(Code::StepFailed, message))
    }

    /// Makes a failure that the step's retry policy may try again.
    #[must_use]
    pub fn retryable(message: impl Into<String>) -> Self {
        Self(Failure::retryable(Code::StepFailed, message))
    }

    /// Returns the failure.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        self.0
    }

    /// Returns the failure by reference.
    #[must_use]
    pub const fn failure(&self) -> &Failure {
        &self.0
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for StepError {
    fn from(error: E) -> Self {
        if let Some(failure) = (&error as &dyn Any).downcast_ref::<Failure>() {
            return Self(failure.clone());
        }
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::new(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_code_on_its_way_through_a_step() {
        let raise = || -> Result<(), StepError> {
            Err(Failure::retryable(Code::ToolFailed, "the shop is closed"))?
        };
        assert_eq!(raise().unwrap_err().failure().code, Code::ToolFailed);
    }

    #[test]
    fn any_other_error_becomes_a_permanent_failure_with_its_text() {
        let raise = || -> Result<i32, StepError> { Ok("x".parse::<i32>()?) };
        let failure = raise().unwrap_err().into_failure();
        assert_eq!(failure.retry, Retryability::Permanent);
        assert_eq!(failure.message, "invalid digit found in string");
    }
}
