//! Policies in Cedar: a file of their own, which only a program with the feature `cedar` can read.

use std::{path::Path, sync::Arc};

use mainstay_core::{code::Code, policy::Policy};
use mainstay_tools::policy::Otherwise;

use crate::cli::error::CliError;

/// Policies as they were written.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "cedar"), expect(dead_code, reason = "nothing here reads them"))]
pub(crate) struct CedarFile {
    place: String,
    text: String,
    otherwise: Otherwise,
}

impl CedarFile {
    pub(super) fn read(path: &Path, otherwise: Otherwise) -> Result<Self, CliError> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            CliError::new(Code::InvalidConfig, format!("{place} cannot be read: {error}"))
                .with_hint("`file` of `[policy]` is relative to mainstay.toml")
        })?;
        Ok(Self { place, text, otherwise })
    }

    #[cfg(feature = "cedar")]
    pub(super) fn open(&self) -> Result<Arc<dyn Policy>, CliError> {
        use mainstay_tools::policy::{LIMIT, cedar};
        cedar::open(&self.text, self.otherwise, LIMIT).map_err(|error| {
            let line = error.line.map(|line| format!(":{line}")).unwrap_or_default();
            let message = format!("{}{line}: {error}", self.place);
            CliError::new(Code::PolicyInvalid, message).with_hint(error.hint)
        })
    }

    /// To start without the policies would permit what they forbid.
    #[cfg(not(feature = "cedar"))]
    pub(super) fn open(&self) -> Result<Arc<dyn Policy>, CliError> {
        let message = format!("{}: this program was built without Cedar", self.place);
        Err(CliError::new(Code::PolicyInvalid, message)
            .with_hint("build it with `--features cedar`, or write the rules in CEL"))
    }
}
