//! Why runs of a demo failed. Some are meant to; with a model that nobody vouches for, any may.

use mainstay_core::code::{Code, CodeKind};

use super::watch::Followed;
use crate::cli::{error::CliError, output::Output};

/// How many runs ended with each code, in the order of the codes.
pub(super) struct Failures(Vec<(Code, usize)>);

impl Failures {
    pub(super) fn of(runs: &[Followed]) -> Self {
        let views = runs.iter().filter_map(|run| run.view.as_deref());
        let ends = views.filter_map(|view| view.projection.finished.as_ref());
        let codes: Vec<_> = ends.filter_map(|end| Some(end.failure.as_ref()?.code)).collect();
        Self::counted(&codes)
    }

    fn counted(codes: &[Code]) -> Self {
        let runs = |code: &Code| codes.iter().filter(|found| *found == code).count();
        let counts = Code::ALL.iter().map(|code| (*code, runs(code)));
        Self(counts.filter(|(_, runs)| *runs > 0).collect())
    }

    /// Returns what cannot be excused by any model: a failure that is our own.
    pub(super) fn problems(&self) -> Vec<String> {
        let bugs = self.0.iter().filter(|(code, _)| code.kind() == CodeKind::Bug);
        let tell = |(code, runs): &(Code, usize)| {
            format!("{runs} of the runs failed with {code}, {}", code.title())
        };
        bugs.map(tell).collect()
    }

    pub(super) fn print(&self, output: &Output) -> Result<(), CliError> {
        if self.0.is_empty() {
            return Ok(());
        }
        output.line("")?;
        let cells = |(code, runs): &(Code, usize)| {
            vec![format!("{code} {}", code.title()), runs.to_string()]
        };
        Ok(output.table(&["why runs failed", "runs"], self.0.iter().map(cells))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_of_our_own_is_a_problem() {
        let failures = Failures::counted(&[Code::ModelSchema, Code::Bug, Code::ModelSchema]);
        assert_eq!(failures.0, [(Code::ModelSchema, 2), (Code::Bug, 1)]);
        let problem = format!("1 of the runs failed with {}, {}", Code::Bug, Code::Bug.title());
        assert_eq!(failures.problems(), [problem]);
    }
}
