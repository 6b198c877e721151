//! `mainstay runs fork`.

use mainstay_core::{budget::Limits, code::Code, journal::Leave};
use mainstay_engine::fork::ForkRun;

use super::resume::{self, How};
use crate::cli::{error::CliError, exit::Exit, ids, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The original: its id, the beginning of it, or @last
    #[arg(default_value = "@last")]
    run: String,
    /// The last journal entry to take over; else the last before the run began to fail
    #[arg(long, value_name = "POSITION")]
    at: Option<u64>,
    /// What the fork may use: usd=0.50,tokens=20k,wall=10m
    #[arg(long, short, value_name = "LIMITS")]
    budget: String,
    /// Let actions that must not happen twice be sent again
    #[arg(long)]
    allow_repeats: bool,
    #[command(flatten)]
    how: How,
}

pub(super) async fn run(mut shell: Shell, args: Args) -> Result<Exit, CliError> {
    let limits = Limits::read(&args.budget, shell.now()).map_err(|error| {
        CliError::new(Code::InvalidBudget, error.to_string())
            .with_hint("a fork has a budget of its own, such as `--budget usd=0.50`")
    })?;
    let reader = shell.reader().await?;
    let original = ids::run(&*reader.store, &args.run).await?;
    let leave = if args.allow_repeats { Leave::Given } else { Leave::Withheld };
    let wish = ForkRun { run_id: original, at: args.at, limits, leave };
    let fork = reader.fork(wish).await?.run_id;
    shell.output.note(format!("{fork} is a fork of {original}"));
    resume::go_on(&mut shell, reader, fork, &args.how).await
}
