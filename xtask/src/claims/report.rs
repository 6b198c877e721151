//! What is printed about claims.

use std::fmt;
use std::process::ExitCode;

use super::entry::{Claim, Pace};
use super::measure::{Figure, Verdict};
use super::selection::Selection;

/// Prints the table of claims without running them.
pub(super) fn list(claims: &[&Claim]) {
    for claim in claims {
        let pace = match claim.pace {
            Pace::Quick => "quick",
            Pace::Slow => "slow",
        };
        println!("{:<16} {:<6} {pace:<5} {} {}", claim.id, claim.kind, claim.figure, claim.bar);
        println!("{:16} {}", "", claim.sentence);
        println!("{:16} $ {}", "", claim.command);
    }
}

/// Prints one claim's figure, bar and verdict.
pub(super) fn print(claim: &Claim, verdict: &Verdict) {
    let (word, figure, note) = match verdict {
        Verdict::Held { figure, conditions } => ("passed", show(figure), conditions.as_deref()),
        Verdict::Missed { figure, conditions } => ("FAILED", show(figure), conditions.as_deref()),
        Verdict::Broken { reason } => ("FAILED", claim.figure.clone(), Some(reason.as_str())),
        Verdict::Skipped { reason } => ("skipped", claim.figure.clone(), Some(reason.as_str())),
    };
    let note = note.map(|note| format!("  ({note})")).unwrap_or_default();
    println!("{:<16} {word:<8} {figure}  bar {}{note}", claim.id, claim.bar);
}

fn show(figure: &Figure) -> String {
    format!("{}={} {}", figure.name, figure.value, figure.unit)
}

/// How many claims ended how.
#[derive(Debug, Default)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    /// Counts one verdict.
    pub(super) fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Held { .. } => self.passed += 1,
            Verdict::Missed { .. } | Verdict::Broken { .. } => self.failed += 1,
            Verdict::Skipped { .. } => self.skipped += 1,
        }
    }

    /// Returns success unless something failed, was skipped without leave, or a pattern was typed
    /// that chose nothing: a check that ran nothing has shown nothing.
    pub(super) fn exit_code(&self, selection: &Selection) -> ExitCode {
        let ran_nothing = self.passed + self.failed + self.skipped == 0;
        let bad = self.failed > 0
            || (self.skipped > 0 && !selection.allows_skips())
            || (ran_nothing && selection.names_something());
        if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::{Selection, Tally};

    fn check(tally: &Tally, words: &[&str], expected: ExitCode) {
        let found = tally.exit_code(&Selection::parse(words).unwrap());
        assert_eq!(found, expected, "{tally} with {words:?}");
    }

    #[test]
    fn a_failure_or_a_skip_without_leave_is_not_a_success() {
        let tally = |passed, failed, skipped| Tally { passed, failed, skipped };
        check(&tally(3, 0, 0), &[], ExitCode::SUCCESS);
        check(&tally(3, 1, 0), &["--allow-skip"], ExitCode::FAILURE);
        check(&tally(3, 0, 1), &[], ExitCode::FAILURE);
        check(&tally(3, 0, 1), &["--allow-skip"], ExitCode::SUCCESS);
    }

    #[test]
    fn a_pattern_that_chooses_nothing_is_not_a_success() {
        check(&Tally::default(), &["backbone-99"], ExitCode::FAILURE);
        check(&Tally::default(), &[], ExitCode::SUCCESS);
    }
}
