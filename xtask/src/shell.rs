//! Running other programs from the checkout's root.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{checkout, environment};

/// Returns a command that runs in the root.
pub(crate) fn command(program: &str) -> Command {
    let mut command = match program {
        "cargo" => Command::new(environment::cargo()),
        other => Command::new(other),
    };
    command.current_dir(checkout::root());
    command
}

/// Returns a command that sees a Postgres as `DATABASE_URL`, building the starter first.
pub(crate) fn command_with_postgres(program: &str) -> Result<Command> {
    // `--workspace` though it is one program: with other features everything would build twice.
    run("cargo", &["build", "--quiet", "--workspace", "--bin", "with-postgres"])?;
    let mut wrapped = Command::new(checkout::target().join("debug/with-postgres"));
    wrapped.current_dir(checkout::root()).arg("--").arg(command(program).get_program());
    Ok(wrapped)
}

/// Runs a program whose output goes where ours goes; fails when it fails.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<()> {
    check(command(program).args(arguments))
}

/// Runs a command whose output goes where ours goes; fails when it fails.
pub(crate) fn check(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("starting `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs a program and returns its standard output as text.
pub(crate) fn capture(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = command(program);
    command.args(arguments).stderr(Stdio::inherit());
    let shown = show(&command);
    let output = command.output().with_context(|| format!("starting `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` did not print text"))
}

/// Returns whether `cargo nextest` is installed.
pub(crate) fn has_nextest() -> bool {
    command("cargo")
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns the command as it would be typed, without the way to the program.
fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    std::iter::once(program.file_name().unwrap_or(command.get_program()))
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
