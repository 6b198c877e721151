//! `cargo xtask arrows`: crates depend on each other only as ARCHITECTURE.md says.
//!
//! # Why a missing arrow is checked and not merely intended
//!
//! Agents cannot schedule, skip or reorder steps *because* their crate cannot reach the engine.
//! One convenient dependency would end that promise without any test noticing.

mod graph;
mod rules;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::shell;
use graph::Graph;
use rules::{APART, OFF, ROOMS};

/// Checks the workspace.
pub(crate) fn run() -> Result<ExitCode> {
    let host = host()?;
    // Without the filter cargo downloads the crates of every platform there is.
    let filter = ["--filter-platform", host.as_str()];
    let metadata = |features: &[&str]| {
        let arguments = [&["metadata", "--format-version", "1"][..], &filter[..], features];
        shell::capture("cargo", &arguments.concat())
    };
    let everything = Graph::read(&metadata(&["--all-features"])?).context("reading metadata")?;
    let apart = everything.features_but(APART).join(",");
    let united = Graph::read(&metadata(&["--features", &apart])?).context("reading metadata")?;
    let mut faults = faults(&everything);
    faults.extend(switched_on(&united));
    for fault in &faults {
        println!("{fault}");
    }
    println!("{} faults in {} crates", faults.len(), ROOMS.len());
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the platform that we build for.
fn host() -> Result<String> {
    let version = shell::capture("rustc", &["--version", "--verbose"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say its host")
}

/// Returns every arrow that should not be there.
fn faults(graph: &Graph) -> Vec<String> {
    let mut faults = Vec::new();
    for name in graph.members() {
        match ROOMS.iter().find(|room| room.name == name) {
            Some(room) => faults.extend(faults_of(graph, room)),
            None => faults.push(format!("{name}: no room in xtask/src/arrows/rules.rs")),
        }
    }
    faults
}

/// Returns the features of others that are on and must stay off.
fn switched_on(graph: &Graph) -> Vec<String> {
    let on = OFF.iter().filter(|off| graph.has_feature(off.package, off.feature));
    on.map(|off| format!("{}/{} is on: {}", off.package, off.feature, off.why)).collect()
}

fn faults_of(graph: &Graph, room: &rules::Room) -> Vec<String> {
    let reached = graph.reached(room.name);
    let stranger = |name: &str| match graph.is_member(name) {
        true => !room.ours.contains(&name),
        false => room.never.contains(&name),
    };
    let strangers = reached.iter().filter(|(name, _)| stranger(name));
    strangers
        .map(|(name, path)| {
            format!("{} must not reach {name}: {} ({})", room.name, path.join(" → "), room.why)
        })
        .collect()
}

#[cfg(test)]
mod tests;
