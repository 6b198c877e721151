//! `mainstay bench`: how fast durable steps are here, held against the database's own limit.

use std::{num::NonZero, time::Duration};

use super::{error::CliError, exit::Exit, shell::Shell};
use crate::bench::{self, Figures, Plan};

/// How long each of the two references is measured.
const REFERENCE: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs to drive
    #[arg(long, value_name = "N", default_value = "640")]
    runs: NonZero<usize>,
    /// Steps of each run
    #[arg(long, value_name = "N", default_value = "10")]
    steps: NonZero<u32>,
    /// Runs driven at the same time
    #[arg(long, value_name = "N", default_value = "64")]
    concurrency: NonZero<usize>,
    /// Bytes of the fresh value that each step returns
    #[arg(long, value_name = "BYTES", default_value_t = 1_024)]
    payload: usize,
}

impl From<Args> for Plan {
    fn from(args: Args) -> Self {
        Self {
            runs: args.runs.get(),
            steps: args.steps.get(),
            concurrency: args.concurrency.get(),
            payload_bytes: args.payload,
            reference: REFERENCE,
        }
    }
}

pub(crate) async fn run(shell: Shell, args: Args) -> Result<Exit, CliError> {
    let (output, database) = (shell.output, shell.database()?);
    let tell = |what: &str| output.note(format!("{database}: {what}"));
    let figures = bench::measure(&database, args.into(), &tell).await?;
    if output.is_for_people() {
        output.table(&["figure", "value"], rows(&figures).into_iter().map(Vec::from))?;
    } else {
        output.document(&figures)?;
    }
    Ok(Exit::Ok)
}

fn rows(figures: &Figures) -> Vec<[String; 2]> {
    let reference = &figures.reference;
    let runs = format!(
        "{} of {} steps, {} at a time, {} bytes a step",
        figures.runs, figures.steps, figures.concurrency, figures.payload_bytes
    );
    let wal = figures.wal_bytes_per_step.map_or("-".to_owned(), |bytes| format!("{bytes:.0}"));
    let times = format!("{:.2}", figures.ratio_to_one_row_commits);
    let rss = format!("{:.1} MiB", figures.rss_bytes as f64 / f64::from(1 << 20));
    [
        ("store", figures.store.to_owned()),
        ("runs", runs),
        ("steps a second", format!("{:.0}", figures.steps_per_s)),
        ("step, median", format!("{} us", figures.step_p50_us)),
        ("step, 99 of 100 within", format!("{} us", figures.step_p99_us)),
        ("one-row commits a second", format!("{:.0}", reference.one_row_commits_per_s)),
        ("flush, median", format!("{} us", reference.flush_p50_us)),
        ("one-row commit, median", format!("{} us", reference.commit_p50_us)),
        ("processor time by one-row commit", format!("{:.0} us", reference.cpu_us_per_commit)),
        ("steps by one-row commit", times),
        ("commits by step", format!("{:.2}", figures.commits_per_step)),
        ("steps by flush", format!("{:.2}", figures.steps_per_flush)),
        ("processor time by step", format!("{:.0} us", figures.cpu_us_per_step)),
        ("bytes written ahead by step", wal),
        ("memory", rss),
    ]
    .map(|(name, value)| [name.to_owned(), value])
    .to_vec()
}
