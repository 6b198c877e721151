//! What came of playing schedules.

use std::{collections::BTreeMap, fmt};

use crate::{crash::Finding, rig::Ground};

/// How many schedules were played, what went wrong in them, and what was not as undisturbed.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The store they ran on.
    pub ground: Ground,
    /// Schedules that were played.
    pub schedules: usize,
    /// What went wrong, by kind.
    pub faults: BTreeMap<&'static str, usize>,
    /// Processes that died or gave up.
    pub deaths: usize,
    /// Actions a person was asked about, because nobody could know whether they had happened.
    pub in_doubt: usize,
    /// Schedules after which something was not as in the undisturbed run.
    pub findings: Vec<Finding>,
    /// Their seeds.
    pub failed_seeds: Vec<u64>,
}

impl Report {
    pub(super) fn failed(ground: Ground, what: &str, why: &str) -> Self {
        let finding = Finding { strikes: what.to_owned(), wrong: vec![why.to_owned()] };
        Self { ground, findings: vec![finding], ..Self::default() }
    }

    /// Returns whether every schedule came to what the undisturbed run comes to.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.findings.is_empty() && self.schedules > 0
    }

    /// Returns the report of flows that bear every schedule.
    ///
    /// # Panics
    /// They do not: the panic names every seed and what was wrong under it.
    #[track_caller]
    #[expect(
        clippy::must_use_candidate,
        clippy::return_self_not_must_use,
        reason = "most call it for the panic alone"
    )]
    #[expect(clippy::panic, reason = "an assertion")]
    pub fn assert_safe(self) -> Self {
        if self.is_safe() { self } else { panic!("{self}") }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ground, schedules, faults, deaths, in_doubt, findings, .. } = self;
        let kinds: Vec<_> = faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        writeln!(
            f,
            "fault schedules on {ground}: {schedules} schedules, {} faults ({}), {deaths} processes \
             lost, {in_doubt} actions in doubt, {} findings",
            faults.values().sum::<usize>(),
            kinds.join(", "),
            findings.len(),
        )?;
        findings.iter().try_for_each(|finding| finding.fmt(f))
    }
}
