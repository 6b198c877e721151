//! `cargo xtask figure-tests NAME FILTER…`: turns "these tests pass" into a figure.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell;

/// Which tests are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TestSelection {
    packages: Vec<String>,
    features: Vec<String>,
    filters: Vec<String>,
    ignored: Ignored,
}

/// Whether tests that a plain run leaves out are run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Ignored {
    #[default]
    LeftOut,
    Included,
}

impl TestSelection {
    /// Reads `[-p PACKAGE]… [--features FEATURE]… [--include-ignored] FILTER…`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut selection = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "-p" | "--package" => {
                    let package = words.next().context("-p needs a package")?;
                    selection.packages.push((*package).to_owned());
                }
                "--features" => {
                    let feature = words.next().context("--features needs one")?;
                    selection.features.push((*feature).to_owned());
                }
                "--include-ignored" => selection.ignored = Ignored::Included,
                flag if flag.starts_with('-') => bail!("figure-tests has no `{flag}`"),
                filter => selection.filters.push(filter.to_owned()),
            }
        }
        if selection.filters.is_empty() {
            bail!("figure-tests needs a filter: a figure about all tests says nothing");
        }
        Ok(selection)
    }

    fn scope(&self) -> Vec<&str> {
        let features = self.features.iter().flat_map(|name| ["--features", name.as_str()]);
        if self.packages.is_empty() {
            return ["--workspace"].into_iter().chain(features).collect();
        }
        let packages = self.packages.iter().flat_map(|package| ["--package", package.as_str()]);
        packages.chain(features).collect()
    }

    fn nextest(&self) -> Vec<&str> {
        let mut words = vec!["nextest", "run", "--no-fail-fast", "--color", "never"];
        words.extend(self.scope());
        if self.ignored == Ignored::Included {
            words.extend(["--run-ignored", "all"]);
        }
        words.extend(self.filters.iter().map(String::as_str));
        words
    }

    fn cargo_test(&self) -> Vec<&str> {
        let mut words = vec!["test", "--no-fail-fast", "--tests"];
        words.extend(self.scope());
        words.push("--");
        if self.ignored == Ignored::Included {
            words.push("--include-ignored");
        }
        words.extend(self.filters.iter().map(String::as_str));
        words
    }
}

/// Runs the tests and prints `figure NAME=<passed> tests`.
pub(crate) fn run(name: &str, selection: &TestSelection) -> Result<ExitCode> {
    // Some tests start programs of their package, which a plain test build would leave out.
    let programs = [&["build", "--quiet", "--bins", "--examples"], &*selection.scope()].concat();
    shell::run("cargo", &programs)?;
    let nextest = shell::has_nextest();
    let words = if nextest { selection.nextest() } else { selection.cargo_test() };
    let mut command = shell::command_with_postgres("cargo")?;
    let output = command.args(words).stdin(Stdio::null()).output().context("starting the tests")?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    eprint!("{text}");
    if !output.status.success() {
        bail!("the tests ended with {}", output.status);
    }
    match passed(&text) {
        0 => bail!("no test ran: `{}` matches none", selection.filters.join(" ")),
        passed => println!("figure {name}={passed} tests"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns how many tests passed, by what either runner printed.
pub(crate) fn passed(text: &str) -> u64 {
    passed_nextest(text) + passed_cargo(text)
}

/// Reads `Summary [ 0.1s] 3 tests run: 3 passed, 9 skipped`.
fn passed_nextest(text: &str) -> u64 {
    text.lines().filter(|line| line.trim_start().starts_with("Summary [")).map(passed_in).sum()
}

/// Reads every `test result: ok. 3 passed; 0 failed; …`.
fn passed_cargo(text: &str) -> u64 {
    text.lines().filter(|line| line.starts_with("test result: ok.")).map(passed_in).sum()
}

/// Returns the number before the word `passed`.
fn passed_in(line: &str) -> u64 {
    let words: Vec<&str> = line.split_whitespace().collect();
    words
        .windows(2)
        .find_map(|pair| match pair {
            [number, word] if word.starts_with("passed") => number.parse().ok(),
            _ => None,
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{TestSelection, passed_cargo, passed_nextest};

    #[test]
    fn passed_tests_are_counted_from_either_runner() {
        let nextest = "     Summary [   0.005s] 3 tests run: 3 passed (1 slow), 9 skipped\n";
        assert_eq!(passed_nextest(nextest), 3);
        let cargo = "test result: ok. 2 passed; 0 failed; 0 ignored\n\n\
                     test result: ok. 5 passed; 0 failed; 1 ignored\n";
        assert_eq!(passed_cargo(cargo), 7);
    }

    #[test]
    fn a_run_without_a_summary_counts_nothing() {
        assert_eq!(passed_nextest("error: no tests to run"), 0);
        assert_eq!(passed_cargo("test result: FAILED. 2 passed; 1 failed"), 0);
    }

    #[test]
    fn words_become_arguments_of_both_runners() {
        let selection =
            TestSelection::parse(&["-p", "mainstay-core", "--include-ignored", "fold"]).unwrap();
        assert!(selection.nextest().ends_with(&[
            "--package",
            "mainstay-core",
            "--run-ignored",
            "all",
            "fold"
        ]));
        assert!(selection.cargo_test().ends_with(&[
            "--package",
            "mainstay-core",
            "--",
            "--include-ignored",
            "fold"
        ]));
    }

    #[test]
    fn features_are_passed_on() {
        let words = ["-p", "mainstay", "--features", "cedar", "policy"];
        let selection = TestSelection::parse(&words).unwrap();
        let expected = ["--package", "mainstay", "--features", "cedar", "policy"];
        assert!(selection.nextest().ends_with(&expected));
        TestSelection::parse(&["x", "--features"]).unwrap_err();
    }

    #[test]
    fn a_selection_without_a_filter_is_refused() {
        TestSelection::parse(&["-p", "mainstay-core"]).unwrap_err();
        TestSelection::parse(&["-p"]).unwrap_err();
        TestSelection::parse(&["--fast", "x"]).unwrap_err();
    }
}
