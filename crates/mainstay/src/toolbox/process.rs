//! The commands of each `[process.NAME]`.

use mainstay_tools::Registry;

use super::invalid;
use crate::{cli::error::CliError, config::Settings};

/// Adds the commands. This program puts up their walls.
pub(super) fn add(settings: &Settings, registry: &mut Registry) -> Result<(), CliError> {
    let program = std::env::current_exe()?;
    for tool in settings.process.tools(&program, &settings.folder)? {
        registry.add(tool).map_err(|error| invalid(&error))?;
    }
    Ok(())
}
