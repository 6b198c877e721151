//! `cargo xtask ci`: every check, cheapest first, stopping at the first that fails.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::claims::{self, Kind, Selection};
use crate::drift::{self, Mode};
use crate::instructions::{self, Purpose};
use crate::stopwatch::Stopwatch;
use crate::{arrows, house, shell, test};

/// One check of CI.
struct Stage {
    name: &'static str,
    run: fn() -> Result<()>,
    /// What to do when it fails.
    next: &'static str,
}

const STAGES: &[Stage] = &[
    Stage { name: "format", run: format, next: "cargo fmt --all" },
    Stage { name: "house", run: || clean(house::run()?), next: "cargo xtask house" },
    Stage { name: "arrows", run: || clean(arrows::run()?), next: "cargo xtask arrows" },
    Stage { name: "lints", run: lints, next: "cargo clippy --workspace --all-targets" },
    Stage { name: "tests", run: || test::tests(None), next: "cargo xtask test NAME_OF_THE_TEST" },
    Stage { name: "doc tests", run: || test::doc_tests(None), next: "cargo test --doc" },
    Stage {
        name: "drift",
        run: || clean(drift::run(Mode::Compare)?),
        next: "cargo xtask drift --write, and read the difference",
    },
    Stage {
        name: "instructions",
        run: || clean(instructions::run(Purpose::Compare)?),
        next: "cargo xtask instructions",
    },
    Stage {
        name: "pipeline",
        run: pipeline,
        next: "cargo bench --package mainstay-engine --bench pipeline",
    },
    Stage { name: "claims", run: exact_claims, next: "cargo xtask claims ID" },
];

/// Runs all stages.
pub(crate) fn run() -> Result<ExitCode> {
    let whole = Stopwatch::start();
    for (passed, stage) in STAGES.iter().enumerate() {
        eprintln!("── {}", stage.name);
        let watch = Stopwatch::start();
        let outcome = (stage.run)();
        let seconds = watch.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => println!("ok      {:<12} {seconds:>7.1} s", stage.name),
            Err(error) => {
                println!("FAILED  {:<12} {seconds:>7.1} s", stage.name);
                eprintln!("error: {error:#}\nnext: {}", stage.next);
                println!("{passed} passed, 1 failed");
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    eprintln!("all in {:.1} s", whole.elapsed().as_secs_f64());
    println!("{} passed, 0 failed", STAGES.len());
    Ok(ExitCode::SUCCESS)
}

/// Turns the exit code of another command into a stage's outcome.
fn clean(code: ExitCode) -> Result<()> {
    if code != ExitCode::SUCCESS {
        bail!("see above");
    }
    Ok(())
}

fn format() -> Result<()> {
    // Names of files are enough: the difference is what `cargo fmt` is for.
    shell::run("cargo", &["fmt", "--all", "--", "--check", "--files-with-diff"])
}

fn lints() -> Result<()> {
    let arguments =
        ["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    shell::run("cargo", &arguments)
}

/// Reports what the pipeline of effects costs a call, in the build of the tests and over few calls.
/// No figure makes it red: a time says as much about the machine. It is red when a call is not made.
fn pipeline() -> Result<()> {
    // `--workspace` though it is one bench: with other features everything would build twice.
    let arguments = [
        "bench",
        "--quiet",
        "--workspace",
        "--profile",
        "dev",
        "--bench",
        "pipeline",
        "--",
        "--quick",
    ];
    shell::check(shell::command("cargo").args(arguments).env("CALLS", "500"))
}

fn exact_claims() -> Result<()> {
    clean(claims::run(&Selection::quick(Kind::Exact))?)
}
