//! `mainstay tools …`: this program's tools, calls of them by hand, how they have been doing.

mod approve;
mod breaker;
mod call;
mod health;
mod ls;
mod show;
mod validate;

use mainstay_core::{
    code::Code,
    flow::check::near,
    plan::PlannedEffect,
    tool::{Reversibility, ToolCatalog, ToolSpec},
};

use super::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List this program's tools: how each is reached, what a call of it means, who answers for it
    Ls,
    /// Print everything that a tool declares
    Show(show::Args),
    /// Call a tool by hand, held to everything that a flow's calls are held to
    Call(call::Args),
    /// Show how calls have been going: outcomes and durations of each tool
    Health(health::Args),
    /// Check arguments on standard input against a schema
    Validate(validate::Args),
    /// Show what changed about an MCP server's tools, and approve it
    Approve(approve::Args),
}

pub(crate) async fn run(mut shell: Shell, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Ls => ls::run(&mut shell).await,
        Command::Show(args) => show::run(&mut shell, &args).await,
        Command::Call(args) => call::run(shell, args).await,
        Command::Health(args) => health::run(&mut shell, &args).await,
        Command::Validate(args) => validate::run(&shell, &args),
        Command::Approve(args) => approve::run(shell, &args).await,
    }
}

/// Finds a tool by name.
fn find(tools: &dyn ToolCatalog, name: &str) -> Result<ToolSpec, CliError> {
    if let Some(tool) = tools.get(name) {
        return Ok(tool.spec().clone());
    }
    let specs = tools.specs();
    let hint = near::hint(name, specs.iter().map(|spec| spec.name.as_str()));
    let told = CliError::new(Code::ToolUnknown, format!("there is no tool `{name}`"))
        .with_hint(format!("{hint} (mainstay tools ls)"));
    Err(CliError { exit: Exit::NotFound, ..told })
}

fn effect(spec: &ToolSpec) -> &'static str {
    PlannedEffect::from(&spec.effect).word()
}

const fn reversibility(spec: &ToolSpec) -> &'static str {
    match spec.reversibility {
        Reversibility::Reversible => "reversible",
        Reversibility::Irreversible => "irreversible",
    }
}
