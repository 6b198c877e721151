//! What is wrong with a script, where in the file, and what would be right.

use std::fmt;

use mainstay_core::code::Code;

/// A script cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// The file.
    pub file: String,
    /// The line, counted from 1; 0 if the file as a whole is meant.
    pub line: u64,
    /// The column, counted from 1; 0 if the file as a whole is meant.
    pub column: u64,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

impl ScriptError {
    /// Returns the stable code that people see.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::ScriptInvalid
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.problem),
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.problem),
        }
    }
}

impl std::error::Error for ScriptError {}
