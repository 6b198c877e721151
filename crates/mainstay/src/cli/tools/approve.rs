//! `mainstay tools approve SERVER[.TOOL]`: shows what changed since a definition was pinned, and
//! pins it anew.

use std::sync::Arc;

use mainstay_core::{code::Code, visible::visible};
use mainstay_tools::transport::mcp::{Change, Server};
use serde::Serialize;

use crate::{
    cli::{
        confirm::{Answer, Consent},
        error::CliError,
        exit::Exit,
        output::{Format, Output},
        shell::Shell,
    },
    toolbox::mcp,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server, or one of its tools
    #[arg(value_name = "SERVER[.TOOL]")]
    what: String,
    /// A server that is not configured, as it was given to the command that used it
    #[arg(long, value_name = "[NAME=]URL")]
    mcp: Vec<String>,
    #[command(flatten)]
    consent: Consent,
}

/// What was, or would be, approved.
#[derive(Serialize)]
struct Document {
    server: String,
    tools: Vec<Approved>,
    approved: bool,
}

#[derive(Serialize)]
struct Approved {
    tool: String,
    change: &'static str,
    lines: Vec<String>,
}

pub(crate) async fn run(mut shell: Shell, args: &Args) -> Result<Exit, CliError> {
    for server in &args.mcp {
        shell.settings.mcp.add(server)?;
    }
    let output = &shell.output;
    let (server, tool) = find(mcp::servers(&shell.settings).await?, &args.what)?;
    let name = server.name();
    let changes = server.compare().await.map_err(|because| {
        CliError::new(
            Code::ToolUnavailable,
            format!("the MCP server `{name}` cannot be reached: {because}"),
        )
        .with_hint("start it, then approve what it offers")
    })?;
    let wanted = |change: &Change| tool.as_ref().is_none_or(|tool| *tool == change.tool);
    let changes: Vec<_> = changes.1.into_iter().filter(wanted).collect();
    if changes.is_empty() {
        output.note(format!("nothing of `{}` differs from what is pinned", args.what));
    }
    let yes = !changes.is_empty() && consented(output, args.consent, name, &changes)?;
    if yes {
        for change in &changes {
            server.approve(change).map_err(|error| mcp::unseen(&error.into()))?;
        }
        output.note("approved; workers that are running take it in when they are started anew");
    }
    if output.format != Format::People {
        output.document(&document(name, &changes, yes))?;
    }
    Ok(Exit::Ok)
}

/// Finds the server whose name the words begin with.
fn find(servers: Vec<Arc<Server>>, what: &str) -> Result<(Arc<Server>, Option<String>), CliError> {
    let names: Vec<_> = servers.iter().map(|server| server.name().to_owned()).collect();
    let found = servers.into_iter().find_map(|server| {
        let rest = what.strip_prefix(server.name())?;
        match rest.strip_prefix('.') {
            Some(tool) => Some((server, Some(tool.to_owned()))),
            None if rest.is_empty() => Some((server, None)),
            None => None,
        }
    });
    found.ok_or_else(|| {
        let told = CliError::new(Code::McpUnknown, format!("there is no MCP server for `{what}`"));
        match names.as_slice() {
            [] => told.with_hint("name one in mainstay.toml; docs/tools-mcp.md shows how"),
            names => told.with_hint(format!("this configuration has: {}", names.join(", "))),
        }
    })
}

fn consented(
    output: &Output,
    consent: Consent,
    server: &str,
    changes: &[Change],
) -> Result<bool, CliError> {
    let shown: Vec<_> = changes.iter().flat_map(|change| shown(server, change)).collect();
    Ok(consent.ask(output, "approve these definitions", &shown)? == Answer::Yes)
}

/// Hidden characters are what somebody would use who wants a change to look like none.
fn shown(server: &str, change: &Change) -> Vec<String> {
    let head = format!("{server}.{} is {}", visible(&change.tool), change.word());
    let lines = change.lines();
    std::iter::once(head).chain(lines.iter().map(|line| visible(line))).collect()
}

fn document(server: &str, changes: &[Change], approved: bool) -> Document {
    let tools = changes.iter().map(|change| Approved {
        tool: change.tool.clone(),
        change: change.word(),
        lines: change.lines(),
    });
    Document { server: server.to_owned(), tools: tools.collect(), approved }
}
