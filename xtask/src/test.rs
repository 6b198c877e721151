//! `cargo xtask test`: all tests, on SQLite and on Postgres.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Runs the tests whose names contain `filter`, and the doc tests.
pub(crate) fn run(filter: Option<&str>) -> Result<ExitCode> {
    tests(filter)?;
    doc_tests(filter)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs all tests but those in documentation, with a Postgres at hand.
pub(crate) fn tests(filter: Option<&str>) -> Result<()> {
    // Some tests start our own programs, which a plain test build would leave out.
    shell::run("cargo", &["build", "--quiet", "--workspace", "--bins", "--examples"])?;
    let mut command = shell::command_with_postgres("cargo")?;
    if shell::has_nextest() {
        command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        command.args(["test", "--workspace", "--no-fail-fast", "--tests"]);
    }
    shell::check(command.args(filter))
}

/// Runs the examples in documentation, which nextest cannot.
pub(crate) fn doc_tests(filter: Option<&str>) -> Result<()> {
    let mut command = shell::command_with_postgres("cargo")?;
    command.args(["test", "--quiet", "--workspace", "--doc"]);
    shell::check(command.args(filter))
}
