//! I5: the budget, reckoned from the entries alone.

use mainstay_core::{
    budget::{Dimension, Settlement, Spend},
    fold::Projection,
    inbox::InboxBody,
    journal::Entry,
    run::RunStatus,
};

use super::{evidence::Evidence, folds::from_start};

/// An account kept by the rules of the design, without the ledger's code.
#[derive(Default)]
struct Account {
    known: Spend,
    unknown: Spend,
    advance: Spend,
}

pub(super) fn broken(evidence: &Evidence) -> Vec<String> {
    let mut account = Account::default();
    let mut status = RunStatus::Queued;
    for entry in evidence.entries() {
        account.take(entry, status);
        status = RunStatus::after(Some(status), entry).unwrap_or(status);
    }
    let Ok(folds) = from_start(evidence) else { return Vec::new() };
    let mut broken: Vec<String> = folds.iter().flat_map(beyond_limits).collect();
    if let Some(last) = folds.last() {
        broken.extend(account.differs_from(last));
        broken.extend(uncounted(evidence, last));
    }
    broken
}

impl Account {
    fn take(&mut self, entry: &Entry, status: RunStatus) {
        match entry {
            Entry::EffectSettled(effect) => self.charge(&effect.spend),
            Entry::EffectAttempted { spend, .. } => self.charge(spend),
            Entry::Received { message: InboxBody::ChildEnded { spend, .. }, .. } => {
                self.known = self.known.plus(&spend.spent);
                self.unknown = self.unknown.plus(&spend.unknown);
            }
            Entry::Advanced { amount } => self.advance = self.advance.plus(amount),
            Entry::Released | Entry::Parked { .. } | Entry::Finished(_) => {
                self.advance = Spend::ZERO;
            }
            // A claim of a running run: what its dead owner had set aside counts as spent.
            Entry::Claimed { .. } if status == RunStatus::Running => {
                self.unknown = self.unknown.plus(&std::mem::take(&mut self.advance));
            }
            _ => {}
        }
    }

    fn charge(&mut self, spend: &Settlement) {
        self.known = self.known.plus(&spend.spent);
        self.unknown = self.unknown.plus(&spend.unknown);
        self.advance = self.advance.less(&spend.total());
    }

    /// Running time comes from the rows' times, not from settlements.
    fn differs_from(&self, run: &Projection) -> Option<String> {
        let counted = |spend: Spend| spend.only(|dimension| dimension != Dimension::Wall);
        let kept = (counted(run.ledger.spent()), counted(run.ledger.spent_unknown()));
        let reckoned = (counted(self.known), counted(self.unknown));
        (kept != reckoned)
            .then(|| format!("I5: the ledger says {kept:?}, the entries {reckoned:?}"))
    }
}

fn beyond_limits(run: &Projection) -> Vec<String> {
    let (ledger, total) = (&run.ledger, run.ledger.total_spent());
    // Running time is known only once it has passed.
    let limited = Dimension::summed().filter(|dimension| *dimension != Dimension::Wall);
    let passed = limited.filter_map(|dimension| {
        let limit = ledger.limits().get(dimension)?;
        let held = total.get(dimension).saturating_add(ledger.standing_advance().get(dimension));
        (held > limit).then(|| {
            format!("I5: at row {} {} is {held} of {limit}", run.position, dimension.name())
        })
    });
    passed.collect()
}

/// Under a limit on calls, every call that reached the world is paid for: known or unknown.
fn uncounted(evidence: &Evidence, run: &Projection) -> Option<String> {
    run.ledger.limits().tool_calls?;
    let (came, counted) = (evidence.arrivals.len() as u64, run.ledger.total_spent().tool_calls);
    (came > counted).then(|| format!("I5: {came} calls came, {counted} were counted"))
}
