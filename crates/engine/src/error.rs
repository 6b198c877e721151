//! What a caller of the engine is told: a code with a page, a sentence, a next step.

use std::fmt;

use mainstay_core::{
    code::Code, digest::NotCanonical, failure::Failure, fold::FoldError, store::StoreError,
};

/// A command that could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError {
    /// The stable code.
    pub code: Code,
    /// What happened, lower case.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl EngineError {
    /// Makes an error without a hint.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EngineError {}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<FoldError> for EngineError {
    fn from(error: FoldError) -> Self {
        Self::new(Code::StoreCorrupt, error.to_string())
    }
}

impl From<NotCanonical> for EngineError {
    fn from(error: NotCanonical) -> Self {
        Self::new(Code::StoreCorrupt, error.to_string())
    }
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        Self::new(failure.code, failure.message)
    }
}
