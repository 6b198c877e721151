//! Why there is no Postgres, and what a person can do about it.

use std::error::Error;
use std::fmt;

/// A throwaway server or database that could not be had.
///
/// `Display` says what was being done and what to do next; the cause is in the source chain.
#[derive(Debug)]
pub struct ServerError {
    doing: String,
    next: Option<&'static str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ServerError {
    /// Returns an error about what was being done.
    pub(super) fn new(doing: impl Into<String>) -> Self {
        Self { doing: doing.into(), next: None, source: None }
    }

    /// Adds what caused it.
    pub(super) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds what a person can do.
    pub(super) fn next(mut self, next: &'static str) -> Self {
        self.next = Some(next);
        self
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)?;
        match self.next {
            Some(next) => write!(f, " (next: {next})"),
            None => Ok(()),
        }
    }
}

impl Error for ServerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
