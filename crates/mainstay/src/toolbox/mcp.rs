//! The tools of each `[mcp.NAME]`, and of the servers of a command line.

use std::sync::Arc;

use futures::future::join_all;
use mainstay_core::secret::Secrets;
use mainstay_engine::system::SystemClock;
use mainstay_tools::{
    Registry,
    transport::mcp::{self, McpError, Opened, Pins, Server},
};

use super::invalid;
use crate::{
    cli::error::CliError,
    config::{McpSettings, Settings, at, name_of},
};

/// Adds the tools of every server. One that cannot be reached now offers what was approved of it: a
/// worker must start without it.
pub(super) async fn add(settings: &Settings, registry: &mut Registry) -> Result<(), CliError> {
    if settings.mcp.servers.is_empty() && settings.mcp.nameless.is_empty() {
        return Ok(());
    }
    for opened in join_all(servers(settings).await?.into_iter().map(Server::open)).await {
        let opened = opened.map_err(|error| unseen(&error))?;
        tell(&opened);
        for tool in opened.tools {
            registry.add(tool).map_err(|error| invalid(&error))?;
        }
    }
    Ok(())
}

/// Returns every server, not reached yet.
pub(crate) async fn servers(settings: &Settings) -> Result<Vec<Arc<Server>>, CliError> {
    let around = surroundings(settings)?;
    let named = with_names(&settings.mcp, &around).await;
    Ok(named.into_iter().map(|server| Server::new(server, around.clone())).collect())
}

fn surroundings(settings: &Settings) -> Result<mcp::Surroundings, CliError> {
    let secrets: Arc<dyn Secrets> = Arc::new(settings.secrets.clone());
    let pins = Pins::load(&settings.mcp.pins).map_err(|error| unseen(&error.into()))?;
    Ok(mcp::Surroundings::new(Arc::new(SystemClock), secrets, pins))
}

/// Asks servers of which only the address was given what they call themselves.
async fn with_names(mcp: &McpSettings, around: &mcp::Surroundings) -> Vec<mcp::Settings> {
    let mut named = mcp.servers.clone();
    for url in &mcp.nameless {
        let asked = Server::new(mcp::Settings::new("mcp", at(url)), around.clone());
        // Whoever does not answer is asked again when it is opened, and told about there.
        let answered = asked.compare().await.is_ok();
        let itself = if answered { asked.calls_itself().await } else { None };
        let name = name_of(&itself.unwrap_or_default(), &named);
        let (pinned_as, given_as) = (url.clone(), Some(url.clone()));
        named.push(mcp::Settings { pinned_as, given_as, ..mcp::Settings::new(name, at(url)) });
    }
    named
}

/// What a person should know before anything runs.
fn tell(opened: &Opened) {
    let server = opened.server.name();
    if let Some(because) = &opened.unreachable {
        tracing::warn!(
            server,
            because,
            "an MCP server cannot be reached; its tools are unavailable"
        );
    }
    for left_out in &opened.left_out {
        tracing::warn!(server, %left_out, "an MCP tool is not offered");
    }
    for change in &opened.changes {
        let (tool, what) = (&change.tool, change.word());
        let next = format!("mainstay tools approve {server}.{tool}");
        tracing::warn!(server, tool, what, next, "an MCP tool is blocked until it is approved");
    }
}

pub(crate) fn unseen(error: &McpError) -> CliError {
    let told = CliError::new(error.code(), error.to_string());
    match error {
        McpError::Unseen { .. } => told.with_hint(
            "start the server or correct its `[mcp.NAME]`; once it was seen, a worker starts \
             without it",
        ),
        McpError::Pins(_) => told.with_hint("restore the file from version control"),
    }
}
