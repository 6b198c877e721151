//! `mainstay audit …`: what journals prove, without the database.

use std::path::PathBuf;

use mainstay_core::code::Code;
use mainstay_engine::export::{Evidence, verify};
use serde::Serialize;

use super::{count, error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Check the chain of every run in exported files: edits, deletions, another order
    Verify(Args),
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files that `worker --export` or `runs export` wrote
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Accept journals without an end
    #[arg(long)]
    allow_open: bool,
}

#[derive(Serialize)]
struct Verified {
    runs: usize,
    rows: u64,
    broken: Vec<String>,
}

pub(crate) fn run(shell: &Shell, Command::Verify(args): &Command) -> Result<Exit, CliError> {
    let mut text = String::new();
    for path in &args.files {
        text += &std::fs::read_to_string(path).map_err(|error| {
            CliError::new(Code::InvalidArgument, format!("{}: {error}", path.display()))
                .with_hint("name files that `mainstay runs export` wrote")
        })?;
    }
    let Evidence { runs, open, mut broken } = verify(text.lines());
    if !args.allow_open {
        broken.extend(open);
    }
    let rows = runs.values().map(|(rows, _)| rows).sum();
    let found = Verified { runs: runs.len(), rows, broken };
    if shell.output.is_for_people() {
        found.broken.iter().try_for_each(|line| shell.output.line(line))?;
        let (runs, rows) = (count::of(found.runs, "run"), count::of(found.rows, "row"));
        let faults = count::of(found.broken.len(), "fault");
        shell.output.note(format!("{runs}, {rows}, {faults}"));
    } else {
        shell.output.document(&found)?;
    }
    Ok(if found.broken.is_empty() { Exit::Ok } else { Exit::Doctor })
}
