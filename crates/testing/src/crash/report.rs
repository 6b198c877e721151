//! What came of crashing everywhere.

use std::fmt;

use super::point::Point;
use crate::rig::Ground;

/// A case in which something was not as in the undisturbed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What went wrong, as [`Everywhere::only`](super::Everywhere::only) takes it.
    pub strikes: String,
    /// What was wrong then.
    pub wrong: Vec<String>,
}

/// Every crash point of a flow, and what came of crashing there.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The store it ran on.
    pub ground: Ground,
    /// The crash points, in the order the undisturbed run passes them.
    pub points: Vec<Point>,
    /// Cases played: one for each point and each thing that can go wrong there.
    pub cases: usize,
    /// Processes that died or gave up.
    pub deaths: usize,
    /// Cases that ended as the undisturbed run does.
    pub recovered: usize,
    /// Actions a person was asked about, because nobody could know whether they had happened; each
    /// with the case it came up in.
    pub in_doubt: Vec<String>,
    /// Cases that did not.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Returns whether every case ended as the undisturbed run does, with every invariant kept.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.findings.is_empty() && self.cases > 0
    }

    /// Returns the report of a flow that is crash-safe.
    ///
    /// # Panics
    /// It is not: the panic names every case and what was wrong in it.
    #[track_caller]
    #[expect(
        clippy::must_use_candidate,
        clippy::return_self_not_must_use,
        reason = "most call it for the panic alone"
    )]
    #[expect(clippy::panic, reason = "an assertion")]
    pub fn assert_safe(self) -> Self {
        assert!(self.cases > 0, "nothing was tried");
        if self.findings.is_empty() { self } else { panic!("{self}") }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ground, points, cases, deaths, recovered, in_doubt, findings } = self;
        writeln!(
            f,
            "crash everywhere on {ground}: {} points, {cases} cases, {deaths} processes lost, \
             {recovered} cases recovered, {} actions in doubt, {} findings",
            points.len(),
            in_doubt.len(),
            findings.len(),
        )?;
        findings.iter().try_for_each(|finding| finding.fmt(f))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.strikes)?;
        let mut lines = self.wrong.iter();
        lines.try_for_each(|line| writeln!(f, "    {}", line.replace('\n', "\n    ")))
    }
}
