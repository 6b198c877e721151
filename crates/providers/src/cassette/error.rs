//! What is wrong with a cassette's file.

use std::fmt;

use mainstay_core::code::Code;

/// A cassette cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CassetteError {
    /// The file.
    pub file: String,
    /// What is wrong, and where.
    pub problem: String,
}

impl CassetteError {
    /// What to do about it.
    pub const HINT: &'static str = "`mainstay runs cassette RUN --output FILE.json` records one";

    /// Returns the stable code that people see.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::CassetteInvalid
    }
}

impl fmt::Display for CassetteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.problem)
    }
}

impl std::error::Error for CassetteError {}
