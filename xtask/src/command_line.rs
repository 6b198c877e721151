//! What can be typed after `cargo xtask`.

use anyhow::{Result, bail};

use crate::claims::Selection;
use crate::drift::Mode;
use crate::figure_tests::TestSelection;
use crate::fresh_clone::Part;
use crate::instructions::Purpose;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
cargo xtask COMMAND

  ci                                everything CI checks; stops at the first failure
  test [FILTER]                     all tests on both stores; finds, starts or installs a Postgres
  arrows                            the dependencies between crates are those of ARCHITECTURE.md
  house                             files, names, sizes, error pages, claims are in order
  drift [--write]                   committed snapshots equal what their generators print
  claims [GLOB] [--list] [--quick] [--kind exact|timing] [--allow-skip]
                                    runs what docs/claims.toml promises
  figure NAME -- COMMAND…           runs COMMAND; its line `figure NAME=…` becomes the last line
  figure-of NAME POINTER UNIT -- COMMAND…
                                    runs COMMAND; the number at POINTER of the JSON it prints
                                    becomes a figure
  figure-tests NAME [-p PACKAGE]… [--features FEATURE]… [--include-ignored] FILTER…
                                    runs the matching tests; prints how many passed as a figure
  figure-time NAME -- ARGUMENTS…    builds the release binary; prints how long it runs as a figure
  instructions [--record|--plant]   a step takes no more instructions than was recorded; a planted
                                    fault is found
  fresh-clone demo|tests            what the README says first, in a clone that was never built

Exit codes: 0 all is well, 1 something failed, 2 usage; `figure` passes a 77 (skipped) on.";

/// One command, fully read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Ci,
    Test { filter: Option<String> },
    Arrows,
    House,
    Drift { mode: Mode },
    Claims(Selection),
    Figure { name: String, command: Vec<String> },
    FigureOf { name: String, pointer: String, unit: String, command: Vec<String> },
    FigureTests { name: String, selection: TestSelection },
    FigureTime { name: String, arguments: Vec<String> },
    Instructions { purpose: Purpose },
    FreshClone { part: Part },
}

impl Command {
    /// Reads the words after `cargo xtask`.
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let command = match words.as_slice() {
            [] | ["help" | "--help" | "-h", ..] | [_, "--help" | "-h"] => Self::Help,
            ["ci"] => Self::Ci,
            ["test"] => Self::Test { filter: None },
            ["test", filter] => Self::Test { filter: Some((*filter).to_owned()) },
            ["arrows"] => Self::Arrows,
            ["house"] => Self::House,
            ["drift"] => Self::Drift { mode: Mode::Compare },
            ["drift", "--write"] => Self::Drift { mode: Mode::Write },
            ["claims", rest @ ..] => Self::Claims(Selection::parse(rest)?),
            ["figure", name, "--", command @ ..] if !command.is_empty() => {
                Self::Figure { name: (*name).to_owned(), command: owned(command) }
            }
            ["figure-of", name, pointer, unit, "--", command @ ..] if !command.is_empty() => {
                Self::FigureOf {
                    name: (*name).to_owned(),
                    pointer: (*pointer).to_owned(),
                    unit: (*unit).to_owned(),
                    command: owned(command),
                }
            }
            ["figure-tests", name, rest @ ..] => Self::FigureTests {
                name: (*name).to_owned(),
                selection: TestSelection::parse(rest)?,
            },
            ["figure-time", name, "--", arguments @ ..] if !arguments.is_empty() => {
                Self::FigureTime { name: (*name).to_owned(), arguments: owned(arguments) }
            }
            ["instructions"] => Self::Instructions { purpose: Purpose::Compare },
            ["instructions", "--record"] => Self::Instructions { purpose: Purpose::Record },
            ["instructions", "--plant"] => Self::Instructions { purpose: Purpose::Plant },
            ["fresh-clone", part] => Self::FreshClone { part: Part::parse(part)? },
            other => bail!("cannot read `{}`", other.join(" ")),
        };
        Ok(command)
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Command, HELP};

    fn parse(line: &str) -> anyhow::Result<Command> {
        Command::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn every_command_of_the_help_can_be_read() {
        for line in HELP.lines().filter_map(|line| line.strip_prefix("  ")) {
            let Some(name) = line.split_whitespace().next().filter(|_| !line.starts_with(' '))
            else {
                continue;
            };
            let rest = match name {
                "figure" => "f -- true",
                "figure-of" => "f /field us -- true",
                "figure-tests" => "f some_test",
                "figure-time" => "f -- --help",
                "fresh-clone" => "demo",
                _ => "",
            };
            assert_ne!(parse(&format!("{name} {rest}")).unwrap(), Command::Help, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for line in [
            "frobnicate",
            "ci now",
            "figure f --",
            "claims --fast",
            "figure-tests f",
            "fresh-clone",
        ] {
            parse(line).unwrap_err();
        }
    }
}
