//! `mainstay reviews …`: what waits for a person, and the person's answer.

mod decide;
mod ls;
mod show;
mod similar;

use super::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List what waits for a person, oldest first
    Ls(ls::Args),
    /// Print what a review is about, in full
    Show(show::Args),
    /// Do it as shown
    Approve(decide::Approve),
    /// Do it with another subject
    Amend(decide::Amend),
    /// Do not do it
    Reject(decide::Reject),
    /// Answer a question in words
    Respond(decide::Respond),
}

pub(crate) async fn run(shell: Shell, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Ls(args) => ls::run(&shell, args).await,
        Command::Show(args) => show::run(&shell, args).await,
        Command::Approve(args) => decide::approve(&shell, args).await,
        Command::Amend(args) => decide::amend(&shell, args).await,
        Command::Reject(args) => decide::reject(&shell, args).await,
        Command::Respond(args) => decide::respond(&shell, args).await,
    }
}
