//! `cargo xtask claims`: runs what docs/claims.toml promises and compares each figure to its bar.
//!
//! # Why a claim without a figure is refused
//!
//! A sentence that nobody can measure is an opinion. Each promise we print names the command that
//! shows it, so that a reader need not believe us.

mod bar;
mod entry;
mod glob;
mod measure;
mod report;
mod selection;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::checkout;
pub(crate) use entry::Kind;
pub(crate) use measure::read_figure;
pub(crate) use selection::Selection;

/// The list of promises.
pub(crate) const FILE: &str = "docs/claims.toml";

/// Lists or runs the selected claims.
pub(crate) fn run(selection: &Selection) -> Result<ExitCode> {
    let text = fs::read_to_string(checkout::root().join(FILE))
        .with_context(|| format!("reading {FILE}"))?;
    let claims = entry::read(&text).with_context(|| format!("reading {FILE}"))?;
    let chosen: Vec<_> = claims.iter().filter(|claim| selection.takes(claim)).collect();
    if selection.lists() {
        report::list(&chosen);
        return Ok(ExitCode::SUCCESS);
    }
    let mut tally = report::Tally::default();
    for claim in chosen {
        let verdict = measure::measure(claim);
        report::print(claim, &verdict);
        tally.count(&verdict);
    }
    println!("{tally}");
    Ok(tally.exit_code(selection))
}

/// Returns what is wrong with a text of claims, for the house's checks.
pub(crate) fn faults(text: &str) -> Option<String> {
    entry::read(text).err().map(|error| format!("{error:#}"))
}
