//! `cargo xtask instructions`: how many instructions a step takes, held against what was recorded.
//!
//! A time says as much about the machine as about the program, so no check of CI may rest on one.
//! A count of instructions is the same on a busy machine: a fixed amount of work is driven in one
//! thread under callgrind, twice with different amounts, and the difference is what the steps took.
//! The build is that of the tests. Its counts are many times those of a release build, and rise
//! when work is added as those do.

mod record;
mod valgrind;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use self::record::{Judgement, Record};
use crate::{checkout, shell};

/// Where the work is done. On a file, a second thread and its waits are in the count.
const STORES: [&str; 2] = ["memory", "sqlite"];

/// Runs of the smaller and of the larger amount of work.
const RUNS: [u64; 2] = [16, 64];

/// What is to be done with the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// They are compared with what was recorded.
    Compare,
    /// They are recorded.
    Record,
    /// A fault is planted first, and all is well if it is found.
    Plant,
}

/// What the driver prints.
#[derive(Deserialize)]
struct Work {
    steps: u64,
}

/// Counts, and compares or records.
pub(crate) fn run(purpose: Purpose) -> Result<ExitCode> {
    valgrind::find_or_install()?;
    // `--workspace` though it is one program: with other features everything would build twice.
    shell::run("cargo", &["build", "--quiet", "--workspace", "--bin", "mainstay-drills"])?;
    let mut counted = Record::default();
    for store in STORES {
        let per_step = per_step(store, purpose)?;
        println!("{store}: {per_step} instructions a step");
        counted.insert(store, per_step);
    }
    if purpose == Purpose::Record {
        counted.write()?;
        return Ok(ExitCode::SUCCESS);
    }
    let judgement = Record::read()?.judge(&counted)?;
    Ok(tell(&judgement, purpose))
}

fn tell(judgement: &Judgement, purpose: Purpose) -> ExitCode {
    let (red, above) = (judgement.is_red(), judgement.above_percent);
    for line in &judgement.lines {
        println!("{line}");
    }
    match purpose {
        Purpose::Plant => println!("figure found={} faults", u8::from(red)),
        Purpose::Compare | Purpose::Record => {
            println!("figure instructions_above_record={above:.2} percent");
        }
    }
    if red == (purpose == Purpose::Plant) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns the instructions that a step takes, without those of the start.
fn per_step(store: &str, purpose: Purpose) -> Result<u64> {
    let [few, many] = RUNS;
    let (few, many) = (count(store, few, purpose)?, count(store, many, purpose)?);
    let steps = many.1.saturating_sub(few.1);
    ensure!(steps > 0, "no steps were driven on {store}");
    Ok(many.0.saturating_sub(few.0) / steps)
}

/// Returns the instructions of a whole process, and the steps that it drove.
fn count(store: &str, runs: u64, purpose: Purpose) -> Result<(u64, u64)> {
    let profile = checkout::target().join(format!("callgrind.{store}.{runs}.out"));
    let program = checkout::target().join("debug/mainstay-drills");
    let runs = runs.to_string();
    let mut words = vec!["drive", "--store", store, "--runs", &runs];
    if purpose == Purpose::Plant {
        words.push("--wasteful");
    }
    let printed = valgrind::run(&program, &words, &profile)?;
    let work: Work = serde_json::from_str(&printed).context("reading what the driver printed")?;
    Ok((total(&profile)?, work.steps))
}

/// Reads the sum of a profile: a line `totals: N`, or `summary: N` where there is none.
fn total(profile: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(profile)?;
    sum(&text).with_context(|| format!("{} has no sum", profile.display()))
}

fn sum(text: &str) -> Option<u64> {
    let of = |name| text.lines().find_map(|line| line.strip_prefix(name));
    of("totals:").or_else(|| of("summary:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn the_sum_of_a_profile_is_found() {
        assert_eq!(sum("events: Ir\nfn=(1)\n5 7\ntotals: 120\n"), Some(120));
        assert_eq!(sum("events: Ir\nsummary: 90\n"), Some(90));
        assert_eq!(sum("events: Ir\n"), None);
    }
}
