//! Percentiles of the calls' own times.

use std::time::Duration;

use crate::{
    desk::{Manner, Time},
    rig::drive,
    rules::Mix,
};

/// Calls of each kind, unless `CALLS` says how many.
const CALLS: usize = 10_000;

/// What is driven: the name of its figures, the rules, and whether the calls look or act.
const KINDS: [(&str, Mix, Manner); 3] = [
    ("pipeline", Mix::Company, Manner::Looks),
    ("acting", Mix::Company, Manner::Acts),
    ("every_rule", Mix::Everywhere, Manner::Looks),
];

/// Drives every kind and prints its figures.
pub(crate) fn print() {
    let calls = calls();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("\n{calls} calls of each kind");
    for (name, mix, manner) in KINDS {
        let times = runtime.block_on(drive(mix, manner, calls));
        let whole = sorted(&times, |time| time.whole);
        let there = sorted(&times, |time| time.there);
        let cpu = sorted(&times, |time| time.cpu);
        for (figure, times, percent) in [
            ("entered_p50_us", &there, 50),
            ("p50_us", &whole, 50),
            ("p95_us", &whole, 95),
            ("cpu_p50_us", &cpu, 50),
            ("cpu_p99_us", &cpu, 99),
            ("p99_us", &whole, 99),
        ] {
            println!("figure {name}_{figure}={} us", percentile(times, percent).as_micros());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench has no configuration but its environment")]
fn calls() -> usize {
    std::env::var("CALLS").ok().and_then(|text| text.parse().ok()).unwrap_or(CALLS)
}

fn sorted(times: &[Time], of: impl Fn(&Time) -> Duration) -> Vec<Duration> {
    let mut times: Vec<_> = times.iter().map(of).collect();
    times.sort_unstable();
    times
}

/// Returns the time that so many of a hundred do not pass.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.saturating_sub(1)]
}
