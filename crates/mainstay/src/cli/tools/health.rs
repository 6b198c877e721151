//! `mainstay tools health`: how the calls of each tool have been going, read from the journals.

use std::{collections::BTreeMap, time::Duration};

use mainstay_core::{
    breaker::BreakerPolicy,
    digest::Digest,
    effect::{EffectKind, EffectOutcome},
    journal::{EffectSettled, Entry},
    time::Timestamp,
};
use serde::Serialize;

use super::breaker::Learned;
use crate::cli::{
    error::CliError,
    exit::Exit,
    output::{Cell, Output},
    shell::Shell,
    span,
    usage::{read_span, runs_since, view},
};

/// At most so many runs are read; the newest count.
const MOST_RUNS: usize = 10_000;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this tool
    tool: Option<String>,
    /// Calls of this span until now: 24h, 7d
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = read_span)]
    since: Duration,
}

/// The whole answer.
#[derive(Serialize)]
struct Health {
    since: String,
    runs: usize,
    /// Whether there were more runs than are read.
    cut: bool,
    tools: Vec<ToolHealth>,
}

/// How one tool has been doing. Rates are shares of the calls.
#[derive(Serialize)]
struct ToolHealth {
    tool: String,
    calls: usize,
    found: usize,
    empty: usize,
    failed: usize,
    denied: usize,
    in_doubt: usize,
    retried: usize,
    success_rate: f64,
    empty_rate: f64,
    failure_rate: f64,
    p50_ms: u64,
    p99_ms: u64,
    breaker: &'static str,
}

/// What is counted of a tool.
#[derive(Debug, Default)]
struct Tally {
    found: usize,
    empty: usize,
    failed: usize,
    denied: usize,
    in_doubt: usize,
    retried: usize,
    /// In milliseconds, of calls that were made.
    took: Vec<u64>,
    learned: Learned,
}

pub(super) async fn run(shell: &mut Shell, args: &Args) -> Result<Exit, CliError> {
    let breakers = shell.breakers().await?;
    let runtime = shell.reader().await?;
    let now = shell.now();
    let from = now.before(args.since);
    let mut runs = runs_since(&runtime, from).await?;
    let cut = runs.len() > MOST_RUNS;
    runs.truncate(MOST_RUNS);
    let mut tallies = BTreeMap::<String, Tally>::new();
    for run in &runs {
        let Some(view) = view(&runtime, *run).await? else { continue };
        for (row, entry) in view.rows.iter().filter(|(row, _)| row.at >= from) {
            take_in(&mut tallies, entry, row.at);
        }
    }
    let wanted = |name: &String| args.tool.as_ref().is_none_or(|tool| tool == name);
    let tools = tallies.into_iter().filter(|(name, _)| wanted(name));
    let tools = tools.map(|(tool, tally)| {
        let breaker = breakers.get(&tool).copied().unwrap_or_default();
        tally.health(tool, breaker, now)
    });
    let tools = tools.collect();
    show(shell, Health { since: span::rfc3339(from), runs: runs.len(), cut, tools }, args.since)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "calls of tools are all that counts")]
fn take_in(tallies: &mut BTreeMap<String, Tally>, entry: &Entry, at: Timestamp) {
    match entry {
        Entry::EffectSettled(settled) if settled.head.kind == EffectKind::Tool => {
            tallies.entry(settled.head.name.clone()).or_default().add(settled, at);
        }
        Entry::EffectAttempted { head, attempts, .. } if head.kind == EffectKind::Tool => {
            tallies.entry(head.name.clone()).or_default().learned.tried(attempts);
        }
        _ => {}
    }
}

impl Tally {
    fn add(&mut self, settled: &EffectSettled, at: Timestamp) {
        let counted = match &settled.outcome {
            EffectOutcome::Completed(result) if is_nothing(result.digest) => &mut self.empty,
            EffectOutcome::Completed(_) => &mut self.found,
            EffectOutcome::Failed(_) => &mut self.failed,
            EffectOutcome::Denied(_) => &mut self.denied,
            EffectOutcome::InDoubt(_) => &mut self.in_doubt,
        };
        *counted += 1;
        self.learned.settled(settled, at);
        self.retried += usize::from(settled.attempt > 1);
        if !matches!(settled.outcome, EffectOutcome::Denied(_)) {
            let took = at.since(settled.started_at).as_millis();
            self.took.push(u64::try_from(took).unwrap_or(u64::MAX));
        }
    }

    fn health(mut self, tool: String, policy: BreakerPolicy, now: Timestamp) -> ToolHealth {
        self.took.sort_unstable();
        let Self { found, empty, failed, denied, in_doubt, retried, took, learned } = self;
        let calls = found + empty + failed + denied + in_doubt;
        ToolHealth {
            tool,
            calls,
            success_rate: share(found + empty, calls),
            empty_rate: share(empty, calls),
            failure_rate: share(failed + in_doubt, calls),
            p50_ms: percentile(&took, 50),
            p99_ms: percentile(&took, 99),
            found,
            empty,
            failed,
            denied,
            in_doubt,
            retried,
            breaker: learned.state(policy, now),
        }
    }
}

/// A tool that worked and found nothing returned `null` or an empty list.
fn is_nothing(result: Digest) -> bool {
    result == Digest::of(b"null") || result == Digest::of(b"[]")
}

#[expect(clippy::cast_precision_loss, reason = "counts of calls stay far below 2^53")]
fn share(part: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// Returns the smallest value that so many of a hundred do not pass; the values are sorted.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn show(shell: &Shell, health: Health, since: Duration) -> Result<Exit, CliError> {
    let output = &shell.output;
    if !output.is_for_people() {
        output.document(&health)?;
        return Ok(Exit::Ok);
    }
    table(output, &health)?;
    if health.tools.is_empty() {
        output.note(format!("no tool was called in the last {}", span::show(since)));
    }
    if health.cut {
        output.note(format!("only the newest {MOST_RUNS} runs were read"));
    }
    output.next("mainstay runs ls -q 'status:failed since:24h'");
    Ok(Exit::Ok)
}

fn table(output: &Output, health: &Health) -> Result<(), CliError> {
    let head = [
        "TOOL", "CALLS", "FOUND", "EMPTY", "FAILED", "DENIED", "IN DOUBT", "SUCCESS", "P50", "P99",
        "BREAKER",
    ];
    let rows = health.tools.iter().map(|tool| -> Vec<Cell> {
        let counts = [tool.calls, tool.found, tool.empty, tool.failed, tool.denied, tool.in_doubt];
        let mut cells: Vec<Cell> = vec![tool.tool.clone().into()];
        cells.extend(counts.map(|count| Cell::from(count.to_string())));
        cells.push(format!("{:.0} %", tool.success_rate * 100.0).into());
        let took = [tool.p50_ms, tool.p99_ms].map(|ms| span::show(Duration::from_millis(ms)));
        cells.extend(took.map(Cell::from));
        cells.push(tool.breaker.into());
        cells
    });
    output.table(&head, rows)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (50, 99));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 99)), (7, 7));
        assert_eq!(percentile(&[], 99), 0);
    }

    #[test]
    fn rates_are_shares_of_all_calls() {
        let tally = Tally { found: 2, empty: 1, failed: 1, ..Tally::default() };
        let now = Timestamp::from_millis(1);
        let health = tally.health("search".to_owned(), BreakerPolicy::default(), now);
        assert_eq!((health.calls, health.success_rate, health.failure_rate), (4, 0.75, 0.25));
    }
}
