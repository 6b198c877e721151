//! Errors at the edge: a code with a page, what happened, what to do next, how the command ends.

use std::fmt;

use mainstay_core::{code::Code, store::StoreError};
use mainstay_engine::error::EngineError;
use serde::Serialize;

use super::exit::Exit;

/// A command that could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CliError {
    pub(crate) code: Code,
    /// What happened, lower case.
    pub(crate) message: String,
    /// More of it, a line each.
    pub(crate) details: Vec<String>,
    /// What to do next.
    pub(crate) hint: Option<String>,
    pub(crate) exit: Exit,
}

/// The form of an error in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorDocument {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl CliError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let exit = Exit::of(code);
        Self { code, message: message.into(), details: Vec::new(), hint: None, exit }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    pub(crate) fn document(&self) -> ErrorDocument {
        let message = [std::slice::from_ref(&self.message), &*self.details].concat().join("\n");
        ErrorDocument { code: self.code, message, hint: self.hint.clone() }
    }
}

/// An error as people read it: code and sentence, details, the next step.
impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        self.details.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
        match &self.hint {
            Some(hint) => write!(f, "\n  next: {hint}"),
            None => write!(f, "\n  next: mainstay explain {}", self.code),
        }
    }
}

impl std::error::Error for CliError {}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        Self { hint: error.hint, ..Self::new(error.code, error.message) }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let hint = hint(&error);
        let told = Self::new(error.code(), error.to_string());
        match hint {
            Some(hint) => told.with_hint(hint),
            None => told,
        }
    }
}

fn hint(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Unreachable(_) => Some("mainstay doctor"),
        StoreError::Locked(_) => {
            Some("wait for the other process, or end it; then run the command again")
        }
        StoreError::Schema { found, wanted } if found > wanted => {
            Some("use the newer program that migrated it; nothing was changed")
        }
        StoreError::Schema { .. } => Some("mainstay migrate"),
        StoreError::Corrupt(_)
        | StoreError::Poison { .. }
        | StoreError::Illegal(_)
        | StoreError::Reply(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn an_error_says_what_where_and_what_next() {
        let error = CliError::new(Code::UnknownFlow, "there is no flow `refnd`")
            .with_details(["this program has: refund".to_owned()])
            .with_hint("mainstay flows ls");
        expect![[r"
            error[MS-1001]: there is no flow `refnd`
              this program has: refund
              next: mainstay flows ls"]]
        .assert_eq(&error.to_string());
    }

    #[test]
    fn a_newer_schema_is_no_reason_to_migrate() {
        let of = |found| CliError::from(StoreError::Schema { found, wanted: 2 });
        assert_eq!(of(1).hint.as_deref(), Some("mainstay migrate"));
        assert_ne!(of(3).hint.as_deref(), Some("mainstay migrate"));
        assert_eq!(of(3).exit, Exit::Conflict);
    }
}
