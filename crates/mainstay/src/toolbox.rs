//! The tools of a process: the program's own, and those that its configuration reaches.

mod http;
pub(crate) mod mcp;
mod process;

use std::sync::Arc;

use mainstay_engine::system::SystemClock;
use mainstay_tools::{Registry, RegistryError, Resources, ToolSet};

use crate::{cli::error::CliError, config::Settings};

/// Opens the program's own tools and those of every transport that is configured.
pub(crate) async fn open(
    settings: &Settings,
    own: ToolSet,
    resources: Resources,
) -> Result<Registry, CliError> {
    let mut registry = known(settings, own, resources).await?;
    mcp::add(settings, &mut registry).await?;
    Ok(registry)
}

/// Opens those whose declarations are here: all but the tools of MCP servers.
pub(crate) async fn known(
    settings: &Settings,
    own: ToolSet,
    resources: Resources,
) -> Result<Registry, CliError> {
    let opened = own.open(resources, Arc::new(SystemClock));
    let mut registry = opened.map_err(|error| invalid(&error))?;
    process::add(settings, &mut registry)?;
    http::add(settings, &mut registry).await?;
    Ok(registry)
}

fn invalid(error: &RegistryError) -> CliError {
    CliError::new(error.code(), error.to_string())
}
