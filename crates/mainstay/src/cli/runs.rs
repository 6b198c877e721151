//! `mainstay runs …`: look at runs, and say things to them.

mod cancel;
mod cassette;
mod export;
mod fork;
mod ls;
mod resume;
mod retry;
mod show;
mod tail;

use super::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List runs, newest first
    Ls(ls::Args),
    /// Print a run's timeline: steps, calls, cost, waits, retries, recoveries
    Show(show::Args),
    /// Follow a run until it ends or waits for somebody
    Tail(tail::Args),
    /// Ask runs to end; what can be undone is undone
    Cancel(cancel::Args),
    /// Go on with a run, with a larger budget if it needs one
    Resume(resume::Args),
    /// Try a stopped run once more: a waiting retry, a divergence, a quarantine
    Retry(retry::Args),
    /// Start a new run from a point in the journal of another
    Fork(fork::Args),
    /// Write a run's journal down, a JSON line for each row
    Export(export::Args),
    /// Record a run's model traffic, to be replayed as the model cassette:FILE
    Cassette(cassette::Args),
}

pub(crate) async fn run(shell: Shell, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Ls(args) => ls::run(&shell, args).await,
        Command::Show(args) => show::run(&shell, args).await,
        Command::Tail(args) => tail::run(&shell, args).await,
        Command::Cancel(args) => cancel::run(&shell, args).await,
        Command::Resume(args) => resume::run(shell, args).await,
        Command::Retry(args) => retry::run(shell, args).await,
        Command::Fork(args) => fork::run(shell, args).await,
        Command::Export(args) => export::run(&shell, args).await,
        Command::Cassette(args) => cassette::run(&shell, args).await,
    }
}
