//! What was lost, what was done twice, what was in doubt.

use std::collections::BTreeMap;

use mainstay_core::id::RunId;
use serde::Serialize;

use crate::{
    Fault,
    errand::STEPS,
    ledger::{Book, Fate},
    person::Attended,
    place::Office,
};

/// What came of a drill's errands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// All that must not be: steps lost or repeated, unfinished runs without a reason, also where
    /// they had one again at the end.
    pub astray: usize,
    /// Errands that were begun.
    pub runs: usize,
    /// Those that completed.
    pub completed: usize,
    /// Why others did not, and how many: a frozen worker's calls come late, are refused, and may
    /// open its circuit breaker.
    pub failed: BTreeMap<String, usize>,
    /// Steps of completed errands that the ledger never saw.
    pub lost: usize,
    /// Actions beyond the first of a step.
    pub repeated: usize,
    /// Calls that the ledger knew by their key: sent again, and not done again.
    pub recognised: usize,
    /// Reads beyond the first of a step: harmless.
    pub read_again: usize,
    /// Calls that came after their deadline and were refused.
    pub too_late: usize,
    /// Calls that a person had to answer for.
    pub in_doubt: usize,
    /// Unfinished runs without a reason why they do not run, at the end.
    pub unexplained: usize,
    /// The most of them that were ever seen at once.
    pub unexplained_ever: usize,
    /// Times the checker was asked for them.
    pub checked: usize,
    /// The calls in doubt, by run.
    pub doubts: BTreeMap<String, Vec<String>>,
}

impl Verdict {
    /// Counts in the ledger and in the store, once every run has ended.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn of(
        office: &Office,
        book: &Book,
        runs: &[RunId],
        Attended { doubts, checker }: Attended,
    ) -> Result<Self, Fault> {
        let unexplained = office.runtime.store.unexplained(()).await?.len();
        let (done, endings) = (book.done(), office.endings(runs).await?);
        let completed = (0..).zip(&endings).filter(|(_, why)| why.is_none());
        let steps = completed.flat_map(|(errand, _)| (0..STEPS).map(move |step| (errand, step)));
        let lost =
            steps.filter(|step| done.get(step).is_none_or(|done| done.acted + done.read == 0));
        let mut failed = BTreeMap::new();
        for why in endings.iter().flatten() {
            // What follows a semicolon is a time or a place, and no other reason.
            let why = why.split_once(';').map_or(why.as_str(), |(why, _)| why);
            *failed.entry(why.to_owned()).or_default() += 1;
        }
        let fates = book.arrivals();
        let count = |fate| fates.iter().filter(|arrival| arrival.fate == fate).count();
        let verdict = Self {
            astray: 0,
            runs: runs.len(),
            completed: endings.iter().filter(|why| why.is_none()).count(),
            failed,
            lost: lost.count(),
            repeated: done.values().map(|done| done.acted.saturating_sub(1) as usize).sum(),
            recognised: count(Fate::Recognised),
            read_again: done.values().map(|done| done.read.saturating_sub(1) as usize).sum(),
            too_late: count(Fate::TooLate),
            in_doubt: doubts.values().map(Vec::len).sum(),
            unexplained,
            unexplained_ever: checker.unexplained_ever.max(unexplained),
            checked: checker.looks + 1,
            doubts: doubts.into_iter().map(|(run_id, said)| (run_id.to_string(), said)).collect(),
        };
        let astray = verdict.lost + verdict.repeated + verdict.unexplained_ever;
        Ok(Self { astray, ..verdict })
    }

    /// Returns whether nothing was lost and nothing done twice.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.astray == 0
    }
}
