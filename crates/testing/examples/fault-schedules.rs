//! Plays fault schedules on every shape of flow: `cargo run -p mainstay-testing --example
//! fault-schedules -- --seeds 10000`, or `--seed 17` alone, `--sqlite` or `--postgres` instead of
//! memory. Fails if anything is not as in the undisturbed run.

use std::{ops::Range, process::ExitCode};

use mainstay_testing::rig::Ground;

#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "written for tests")]
#[path = "../tests/it/sale.rs"]
mod sale;
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "written for tests")]
#[path = "../tests/it/shapes.rs"]
mod shapes;

const USAGE: &str = "usage: fault-schedules [--seeds N | --seed N] [--sqlite | --postgres]";

fn wish(mut words: impl Iterator<Item = String>) -> Option<(Range<u64>, Ground)> {
    let (mut seeds, mut ground) = (0..1_000, Ground::Memory);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|number| number.parse().ok());
        match word.as_str() {
            "--seeds" => seeds = 0..number()?,
            "--seed" => seeds = number().map(|seed: u64| seed..seed + 1)?,
            "--sqlite" => ground = Ground::Sqlite,
            "--postgres" => ground = Ground::Postgres,
            _ => return None,
        }
    }
    Some((seeds, ground))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command")]
#[tokio::main]
async fn main() -> ExitCode {
    let Some((seeds, ground)) = wish(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let tell = |report: &mainstay_testing::schedule::Report| {
        eprintln!("{} schedules, {} findings", report.schedules, report.findings.len());
    };
    let report = shapes::all().on(ground).with_seeds(seeds).run_telling(tell).await;
    print!("{report}");
    println!("figure schedules={} schedules", report.schedules);
    if report.is_safe() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
