//! `cargo xtask drift`: what is generated and committed equals what the generator prints today.
//!
//! A schema, a journal format or an API description is a promise to people who are not here. It
//! may change, but never unseen: the committed file is the review.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{checkout, shell};

/// A committed file and the command that prints it.
struct Snapshot {
    /// The words of the command, run in the root; its standard output is the file.
    generator: &'static [&'static str],
    /// The file, from the root.
    file: &'static str,
}

/// Every snapshot. Add a line here; journal formats have tests of their own in `core`.
const SNAPSHOTS: &[Snapshot] = &[];

/// Whether snapshots are compared or renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Compare,
    Write,
}

/// Compares or writes all snapshots.
pub(crate) fn run(mode: Mode) -> Result<ExitCode> {
    let mut drifted = 0;
    for snapshot in SNAPSHOTS {
        let [program, arguments @ ..] = snapshot.generator else { continue };
        let fresh = shell::capture(program, arguments)?;
        let path = checkout::root().join(snapshot.file);
        match mode {
            Mode::Write => {
                fs::write(&path, fresh).with_context(|| format!("writing {}", snapshot.file))?;
            }
            Mode::Compare => {
                let committed = fs::read_to_string(&path).unwrap_or_default();
                if let Some(difference) = first_difference(&committed, &fresh) {
                    drifted += 1;
                    println!("{}: {difference}", snapshot.file);
                }
            }
        }
    }
    println!("{} passed, {drifted} failed", SNAPSHOTS.len() - drifted);
    Ok(if drifted == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the first line on which the two differ, shown from both sides.
fn first_difference(committed: &str, fresh: &str) -> Option<String> {
    if committed == fresh {
        return None;
    }
    let (mut old, mut new) = (committed.lines(), fresh.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (old.next(), new.next()) {
            (None, None) => return Some("the line endings differ".to_owned()),
            (old, new) if old == new => {}
            (old, new) => {
                let show = |line: Option<&str>| line.unwrap_or("(end of file)").to_owned();
                let (old, new) = (show(old), show(new));
                return Some(format!("line {number}: committed `{old}`, generated `{new}`"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn a_changed_line_is_shown_from_both_sides() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(
            first_difference("a\nb\n", "a\nc\n").as_deref(),
            Some("line 2: committed `b`, generated `c`")
        );
        assert_eq!(
            first_difference("a\n", "a\nb\n").as_deref(),
            Some("line 2: committed `(end of file)`, generated `b`")
        );
    }

    #[test]
    fn a_lost_newline_at_the_end_is_drift_too() {
        assert!(first_difference("a\n", "a").is_some());
    }
}
