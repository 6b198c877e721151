//! Limits inside a run: those of a step, and those of the scopes around a call.
//!
//! They are not accounts of their own: what is spent is charged to the run, and they only say how
//! much of it may be theirs. So what is left inside is never more than what is left outside.

use mainstay_core::{
    budget::{Dimension, Ledger, Limits, Settlement, Spend},
    effect::EffectPosition,
    fold::scopes::Level,
    wait::Wait,
};

use super::Drive;

/// A limit inside the run that a call is held to, and what already counts against it.
pub(super) struct InnerAccount {
    ledger: Ledger,
    limits: Limits,
    within: Option<String>,
}

impl InnerAccount {
    fn new(limits: Limits, spent: Spend, within: Option<String>) -> Self {
        let mut ledger = Ledger::new(limits);
        ledger.charge(&Settlement::known(spent));
        Self { ledger, limits, within }
    }

    /// Returns what a call waits for that could use more than is left.
    pub(super) fn refuses(&self, worst: &Spend) -> Option<Wait> {
        let used_up = self.ledger.remaining(Dimension::Wall) == Some(0);
        let wall = Spend { wall: u64::from(used_up), ..*worst };
        let exhausted = self.ledger.clone().advance(&wall, &Spend::ZERO).err()?;
        Some(Wait::Budget { exhausted, within: self.within.clone(), cap: None })
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }
}

impl Drive {
    /// Returns what a call at this place is held to inside the run, the widest first.
    pub(super) fn inner_accounts(&self, position: &EffectPosition) -> Vec<InnerAccount> {
        let Some(step) = self.book.run.step(&position.step) else { return Vec::new() };
        let definition = self.definition(&position.step);
        let own = definition.and_then(|(_, definition)| definition.options.budget);
        let in_flight = |inside: &dyn Fn(&EffectPosition) -> bool| {
            let drawn = self.drawn.iter().filter(|(place, _)| inside(place));
            drawn.fold(Spend::ZERO, |sum, (_, worst)| sum.plus(worst))
        };
        let mut accounts = Vec::new();
        if let Some(limits) = own {
            let spent = step.spent.plus(&in_flight(&|place| place.step == position.step));
            accounts.push(InnerAccount::new(limits.raised_by(&step.topped_up), spent, None));
        }
        for (opening, record) in position.around().zip(step.openings_around(position)) {
            let Some(record) = record else { continue };
            let spent = record.spent.plus(&in_flight(&|place| place.is_inside(&opening)));
            let within = Some(record.scope.to_string());
            accounts.push(InnerAccount::new(step.limits_of(record), spent, within));
        }
        accounts
    }

    /// Returns what is left, in limited dimensions, of everything that holds a call at this place.
    pub(super) fn left(&self, position: &EffectPosition) -> Limits {
        let run = &self.book.run.ledger;
        let mut left = rest(run.limits(), |d| run.available(d));
        for account in self.inner_accounts(position) {
            let inner = rest(&account.limits, |d| account.ledger.remaining(d));
            left = left.narrowed_by(&inner);
        }
        left
    }

    /// Returns for how many milliseconds a call at this place may run.
    pub(super) fn wall_left(&self, position: &EffectPosition) -> Option<u64> {
        let run = self.book.run.ledger.available(Dimension::Wall);
        let inner = self.inner_accounts(position);
        let inner = inner.iter().filter_map(|account| account.ledger.remaining(Dimension::Wall));
        inner.chain(run).min()
    }

    /// Returns what an agent waits for that would stand deeper than the run or a scope allows.
    pub(super) fn too_deep(&self, position: &EffectPosition) -> Option<Wait> {
        let levels = self.book.run.levels(position).into_iter();
        let mut deep = levels.filter_map(|Level { level, limits, within }| {
            let exhausted = Ledger::new(limits).enter(level).err()?;
            Some(Wait::Budget { exhausted, within, cap: None })
        });
        deep.next()
    }
}

fn rest(limits: &Limits, left: impl Fn(Dimension) -> Option<u64>) -> Limits {
    let mut rest = *limits;
    for dimension in Dimension::summed() {
        rest.set(dimension, left(dimension));
    }
    rest
}
