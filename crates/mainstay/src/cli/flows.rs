//! `mainstay flows …`: this program's flows.

mod check;
mod ls;
mod plot;
mod show;

use mainstay_core::{code::Code, flow::check::near};
use mainstay_engine::flows::KnownFlow;

use super::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List this program's flows
    Ls,
    /// Print a flow: its steps, what makes them due, the schema of its input
    Show(show::Args),
    /// Draw a flow
    Plot(plot::Args),
    /// Say which unfinished runs this program could not go on with
    Check(check::Args),
}

impl Command {
    /// Returns whether the answer is in the database.
    pub(crate) const fn needs_store(&self) -> bool {
        match self {
            Self::Check(_) => true,
            Self::Ls | Self::Show(_) | Self::Plot(_) => false,
        }
    }
}

/// Answers what this program knows by itself.
pub(crate) fn look(shell: &Shell, command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::Ls => ls::run(shell),
        Command::Show(args) => show::run(shell, args),
        Command::Plot(args) => plot::run(shell, args),
        Command::Check(_) => Ok(Exit::Ok),
    }
}

pub(crate) async fn run(shell: Shell, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Check(args) => check::run(&shell, args).await,
        Command::Ls | Command::Show(_) | Command::Plot(_) => look(&shell, &command),
    }
}

/// Finds a flow by name.
pub(crate) fn find<'a>(shell: &'a Shell, name: &str) -> Result<&'a KnownFlow, CliError> {
    shell.app.flows.latest(name).ok_or_else(|| {
        let names: Vec<_> = shell.app.flows.iter().map(|f| f.version.name.as_str()).collect();
        let hint = near::hint(name, names);
        CliError::new(Code::UnknownFlow, format!("there is no flow `{name}`"))
            .with_hint(format!("{hint} (mainstay flows ls)"))
    })
}
