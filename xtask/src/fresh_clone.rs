//! `cargo xtask fresh-clone demo|tests`: does what the README says first, in a clone that has never
//! been built, and prints what came of it as a figure.
//!
//! The commands are read from the README itself, so what is checked is what a newcomer types.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::{checkout, environment, figure_tests, shell};

/// Which command of the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Demo,
    Tests,
}

impl Part {
    pub(crate) fn parse(word: &str) -> Result<Self> {
        match word {
            "demo" => Ok(Self::Demo),
            "tests" => Ok(Self::Tests),
            other => bail!("fresh-clone takes `demo` or `tests`, not `{other}`"),
        }
    }

    /// Returns the words by which its command is known.
    const fn words(self) -> &'static str {
        match self {
            Self::Demo => "-- demo",
            Self::Tests => "xtask test",
        }
    }

    fn figure(self, output: &str) -> Result<String> {
        match self {
            Self::Demo => Ok(format!("figure duplicated={} actions", duplicated(output)?)),
            Self::Tests => match figure_tests::passed(output) {
                0 => bail!("no test ran"),
                passed => Ok(format!("figure passed={passed} tests")),
            },
        }
    }
}

/// Clones the last commit, runs the command there, and prints its figure.
pub(crate) fn run(part: Part) -> Result<ExitCode> {
    let folder = Folder::create()?;
    let target = folder.0.to_string_lossy();
    shell::run("git", &["clone", "--quiet", &checkout::root().to_string_lossy(), &target])?;
    let readme = fs::read_to_string(folder.0.join("README.md")).context("reading README.md")?;
    let command = command_of(&readme, part)?;
    println!("$ {command}");
    println!("{}", part.figure(&output_of(command, &folder.0)?)?);
    Ok(ExitCode::SUCCESS)
}

/// A folder that was not there, and is gone when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("fresh-clone-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies where such things are swept away.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the README's command, from its first block for a shell, without what explains it.
fn command_of(readme: &str, part: Part) -> Result<&str> {
    let block = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let block = block.context("README.md has no block for a shell")?;
    let commands = block.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
    let found = commands.into_iter().find(|command| command.contains(part.words()));
    found.with_context(|| format!("README.md names no command with `{}`", part.words()))
}

/// Runs a command as it would be typed; passes on what it prints and returns it.
fn output_of(command: &str, folder: &Path) -> Result<String> {
    let mut shell = shell::command("sh");
    shell.args(["-c", &format!("exec 2>&1; {command}")]).current_dir(folder);
    shell.env_remove(environment::TARGET_DIR).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = shell.spawn().with_context(|| format!("starting `{command}`"))?;
    let mut output = String::new();
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line?;
        println!("{line}");
        output.push_str(&line);
        output.push('\n');
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{command}` ended with {status}");
    }
    Ok(output)
}

/// Adds up the column of duplicated actions in the table that the demo ends with, if the demo
/// itself finds everything in order.
fn duplicated(output: &str) -> Result<u64> {
    if !output.lines().any(|line| line == "everything is as it should be") {
        bail!("the demo does not say that everything is as it should be");
    }
    let rows: Vec<u64> = output.lines().filter_map(duplicated_in).collect();
    if rows.is_empty() {
        bail!("the demo printed no table of external actions");
    }
    Ok(rows.iter().sum())
}

/// Reads a row: the action; how often it was intended, refused, performed, duplicated, in doubt.
fn duplicated_in(line: &str) -> Option<u64> {
    let [_, _, _, _, duplicated, _] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    duplicated.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Part, command_of, duplicated};
    use crate::checkout;

    #[test]
    fn the_readme_names_both_commands() {
        let readme = std::fs::read_to_string(checkout::root().join("README.md")).unwrap();
        assert_eq!(command_of(&readme, Part::Demo).unwrap(), "cargo run -- demo");
        assert_eq!(command_of(&readme, Part::Tests).unwrap(), "cargo xtask test");
    }

    #[test]
    fn a_readme_that_names_no_command_is_refused() {
        for readme in ["", "```sh\ncargo run\n```\n", "```rust\ncargo run -- demo\n```\n"] {
            command_of(readme, Part::Demo).unwrap_err();
        }
    }

    #[test]
    fn duplicates_are_counted_in_a_demo_that_is_content() {
        let table = "runs\t57\nrefund\t12\t0\t12\t0\t0\nsend\t46\t1\t48\t2\t0\n";
        let verdict = "everything is as it should be\n";
        assert_eq!(duplicated(&format!("{table}\n{verdict}")).unwrap(), 2);
        duplicated(&format!("{table}\nnot {verdict}")).unwrap_err();
        duplicated(verdict).unwrap_err();
    }
}
