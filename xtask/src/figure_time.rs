//! `cargo xtask figure-time NAME -- ARGUMENTS…`: how long the release binary takes, as a figure.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::stopwatch::Stopwatch;
use crate::{checkout, shell};

/// Builds the binary, runs it with the arguments, and prints how long that run took, from its start
/// to its end. The database of the environment is left out of it.
pub(crate) fn run(name: &str, arguments: &[String]) -> Result<ExitCode> {
    shell::run("cargo", &["build", "--quiet", "--release", "-p", "mainstay-cli"])?;
    let binary = checkout::target().join("release/mainstay");
    let mut command = shell::command(&binary.to_string_lossy());
    command.args(arguments).env_remove("DATABASE_URL").stdin(Stdio::null());
    let watch = Stopwatch::start();
    let status = command.status().with_context(|| format!("starting {}", binary.display()))?;
    let took = watch.elapsed();
    if !status.success() {
        bail!("`mainstay {}` ended with {status}", arguments.join(" "));
    }
    println!("figure {name}={:.1} ms", took.as_secs_f64() * 1e3);
    Ok(ExitCode::SUCCESS)
}
