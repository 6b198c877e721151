//! What is wrong with a prompt's file, on which line, and what would be right.

use std::fmt;

use mainstay_core::{code::Code, failure::Failure};

/// A prompt's file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptError {
    /// The file.
    pub file: String,
    /// The line, counted from 1; 0 if the file as a whole is meant.
    pub line: u64,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

impl PromptError {
    pub(super) fn at(
        file: &str,
        line: u64,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { file: file.to_owned(), line, problem: problem.into(), hint: hint.into() }
    }

    /// Returns the stable code that people see.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::PromptInvalid
    }
}

impl fmt::Display for PromptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.problem),
            line => write!(f, "{}:{line}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for PromptError {}

impl From<PromptError> for Failure {
    fn from(error: PromptError) -> Self {
        Self::permanent(error.code(), error.to_string())
    }
}
