//! `mainstay jobs …`: plans given as data.

mod actions;
mod run;

use super::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Check a plan, show it, and carry it out step by step
    Run(run::Args),
}

pub(crate) async fn run(shell: Shell, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Run(args) => run::run(shell, args).await,
    }
}
