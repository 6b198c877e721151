//! `mainstay usage`: what was spent, by whom, and how far each shared cap is used up.

mod caps;
mod spent;

use std::time::Duration;

pub(super) use self::spent::{runs as runs_since, view};

use serde::Serialize;

use self::{
    caps::Burning,
    spent::{By, Spent},
};
use super::{error::CliError, exit::Exit, shell::Shell, span};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// By whom
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// What was spent in this span until now: 24h, 7d
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = read_span)]
    since: Duration,
}

pub(super) fn read_span(text: &str) -> Result<Duration, String> {
    span::read(text).ok_or_else(|| "write a span such as `24h` or `7d`".to_owned())
}

/// The whole answer. Its fields and their order are a contract.
#[derive(Serialize)]
struct Usage {
    since: String,
    by: By,
    spend: Vec<Spent>,
    caps: Vec<Burning>,
}

pub(super) async fn run(shell: Shell, args: Args) -> Result<Exit, CliError> {
    let runtime = shell.reader().await?;
    let now = shell.now();
    let from = now.before(args.since);
    let spend = spent::since(&runtime, args.by, from).await?;
    let caps = caps::burning(&runtime, now).await?;
    let output = &shell.output;
    if !output.is_for_people() {
        let since = span::rfc3339(from);
        output.document(&Usage { since, by: args.by, spend, caps })?;
        return Ok(Exit::Ok);
    }
    spent::show(output, args.by, &spend)?;
    caps::show(output, &caps)?;
    if spend.is_empty() {
        output.note(format!("nothing was spent in the last {}", span::show(args.since)));
    }
    if caps.is_empty() {
        output.note("no caps are set: `App::budget` sets one");
    }
    Ok(Exit::Ok)
}
