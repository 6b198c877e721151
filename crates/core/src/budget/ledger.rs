//! What a run may use, has used, and has set aside.
//!
//! At any time and in every counted dimension
//! `spent + spent_unknown + advance + allotted <= limit`, and what calls in flight have drawn is at
//! most the advance. Every operation that sets aside checks the first; [`Ledger::reserve`] checks
//! the second. There is one way past a limit, and code cannot close it: a vendor that bills more
//! than the worst case it was asked for. That is counted in full, nothing becomes negative, and
//! whatever follows is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

use super::{
    dimension::{Dimension, Limits, Spend},
    exhausted::{Exhausted, Refusal},
    settlement::{Reservation, Settlement},
};

/// The account of one run. Only its lease holder draws on it, so there is no contention.
///
/// All but `drawn` is a fold of the journal. Calls in flight die with their process, and so does
/// `drawn`; the advance they drew from does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    limits: Limits,
    spent: Spend,
    spent_unknown: Spend,
    advance: Spend,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    allotments: BTreeMap<String, Limits>,
    #[serde(skip)]
    drawn: Spend,
}

impl Ledger {
    /// Opens an account.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Draws the worst case of a call from the standing advance, before the call.
    ///
    /// # Errors
    /// The limits do not allow it, or the advance must be raised by a commit first.
    pub fn reserve(&mut self, worst: &Spend) -> Result<Reservation, Refusal> {
        let drawn = self.drawn.plus(worst);
        let short = drawn.less(&self.advance);
        self.check(|dimension| short.get(dimension))
            .map_err(|exhausted| Refusal::Exhausted(self.with_asked(exhausted, worst)))?;
        if short != Spend::ZERO {
            return Err(Refusal::AdvanceFirst);
        }
        self.drawn = drawn;
        Ok(Reservation { worst: *worst })
    }

    /// Ends a reservation with what the call really used; the rest stays in the advance for the
    /// next call.
    pub fn settle(&mut self, reservation: Reservation, settlement: &Settlement) {
        self.drawn = self.drawn.less(&reservation.worst);
        self.charge(settlement);
    }

    /// Counts what an outcome of the journal used; the fold's half of [`Self::settle`].
    pub fn charge(&mut self, settlement: &Settlement) {
        self.spent = self.spent.plus(&settlement.spent);
        self.spent_unknown = self.spent_unknown.plus(&settlement.unknown);
        self.advance = self.advance.less(&settlement.total());
    }

    /// Sets more aside for the calls that follow, to be committed before they start, and returns
    /// how much: what is `wished` if the limits have room for it, and in any case what is missing
    /// for a call that could use `needed`.
    ///
    /// # Errors
    /// The limits do not allow what is needed; nothing is set aside then.
    pub fn advance(&mut self, needed: &Spend, wished: &Spend) -> Result<Spend, Exhausted> {
        let short = self.drawn.plus(needed).less(&self.advance);
        self.check(|dimension| short.get(dimension))
            .map_err(|exhausted| self.with_asked(exhausted, needed))?;
        let more = self.as_allowed(&short, wished);
        self.advance = self.advance.plus(&more);
        Ok(more)
    }

    /// Sets aside what a journal entry says was set aside; the fold's half of [`Self::advance`].
    pub fn record_advance(&mut self, amount: &Spend) {
        self.advance = self.advance.plus(amount);
    }

    /// Gives back the part of the advance that no call in flight has drawn, as at a park or the end.
    pub fn release_advance(&mut self) {
        self.advance = self.drawn;
    }

    /// Charges the whole standing advance as spent, because a crash hid what was used of it, and
    /// returns it. Nothing may be called again before this is committed.
    pub fn charge_unknown(&mut self) -> Spend {
        let unknown = std::mem::take(&mut self.advance);
        self.spent_unknown = self.spent_unknown.plus(&unknown);
        self.drawn = Spend::ZERO;
        unknown
    }

    /// Carves limits for a child run, agent, crew or judge out of what remains, under the name of
    /// who holds them. Where `asked` names no limit and this account has one, all that remains is
    /// given; a deadline or depth is the stricter of both. A holder that asks again gets more.
    ///
    /// # Errors
    /// More is asked for than remains; nothing is carved out then.
    pub fn allot(&mut self, holder: &str, asked: &Limits) -> Result<Limits, Exhausted> {
        let granted = self.limits.carved(asked, |dimension| self.remaining(dimension));
        self.check(|dimension| granted.get(dimension).unwrap_or(0))?;
        let held = self.allotments.entry(holder.to_owned()).or_default();
        for dimension in Dimension::summed() {
            let more = granted
                .get(dimension)
                .map(|more| more.saturating_add(held.get(dimension).unwrap_or(0)));
            held.set(dimension, more);
        }
        Ok(granted)
    }

    /// Takes an allotment back when its holder ended: what it used is counted, the rest is free.
    pub fn settle_allotment(&mut self, holder: &str, settlement: &Settlement) {
        self.allotments.remove(holder);
        self.spent = self.spent.plus(&settlement.spent);
        self.spent_unknown = self.spent_unknown.plus(&settlement.unknown);
    }

    /// Raises the limits, as a person decided. Counted limits and levels grow by what `more` says;
    /// a deadline moves to the one given if that is later. What has no limit stays without one.
    pub fn top_up(&mut self, more: &Limits) {
        self.limits = self.limits.raised_by(more);
    }

    /// Allows something at a level, the first being 1.
    ///
    /// # Errors
    /// The level lies below the depth limit.
    pub fn enter(&self, level: u64) -> Result<(), Exhausted> {
        match self.limits.depth {
            Some(limit) if level > limit => {
                Err(Exhausted { dimension: Dimension::Depth, limit, spent: level - 1, asked: 1 })
            }
            _ => Ok(()),
        }
    }

    /// Allows something to start at `now`.
    ///
    /// # Errors
    /// The deadline has passed.
    pub fn start_at(&self, now: Timestamp) -> Result<(), Exhausted> {
        let micros = |time: Timestamp| u64::try_from(time.micros()).unwrap_or(0);
        match self.limits.deadline {
            Some(limit) if now >= limit => Err(Exhausted {
                dimension: Dimension::Deadline,
                limit: micros(limit),
                spent: micros(now),
                asked: 0,
            }),
            _ => Ok(()),
        }
    }

    /// Returns what nobody has used or set aside; `None` is without limit. For a level or a time
    /// that is the limit itself, because those are not used up.
    #[must_use]
    pub fn remaining(&self, dimension: Dimension) -> Option<u64> {
        let limit = self.limits.get(dimension)?;
        Some(limit.saturating_sub(self.committed(dimension)))
    }

    /// Returns what the next call may use at most: what remains and the free part of the advance.
    /// A call's timeout is held below this in the dimension `wall`.
    #[must_use]
    pub fn available(&self, dimension: Dimension) -> Option<u64> {
        let free = self.advance.less(&self.drawn).get(dimension);
        self.remaining(dimension).map(|remaining| remaining.saturating_add(free))
    }

    /// Returns the limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns what is known to be spent.
    #[must_use]
    pub const fn spent(&self) -> Spend {
        self.spent
    }

    /// Returns what may have been spent and counts as if it was.
    #[must_use]
    pub const fn spent_unknown(&self) -> Spend {
        self.spent_unknown
    }

    /// Returns everything that counts as spent.
    #[must_use]
    pub fn total_spent(&self) -> Spend {
        self.spent.plus(&self.spent_unknown)
    }

    /// Returns what is set aside of a dimension: the standing advance and every allotment.
    #[must_use]
    pub fn reserved(&self, dimension: Dimension) -> u64 {
        let held = self.allotments.values().filter_map(|held| held.get(dimension));
        held.fold(self.advance.get(dimension), u64::saturating_add)
    }

    /// Returns the standing advance.
    #[must_use]
    pub const fn standing_advance(&self) -> Spend {
        self.advance
    }

    /// Returns what is set aside for a holder.
    #[must_use]
    pub fn allotment(&self, holder: &str) -> Option<Limits> {
        self.allotments.get(holder).copied()
    }

    fn committed(&self, dimension: Dimension) -> u64 {
        self.total_spent().get(dimension).saturating_add(self.reserved(dimension))
    }

    /// Refuses `more` on top of everything committed, in the first dimension where it does not fit.
    fn check(&self, more: impl Fn(Dimension) -> u64) -> Result<(), Exhausted> {
        for dimension in Dimension::summed() {
            let (spent, asked) = (self.committed(dimension), more(dimension));
            match self.limits.get(dimension) {
                Some(limit) if asked > 0 && spent.saturating_add(asked) > limit => {
                    return Err(Exhausted { dimension, limit, spent, asked });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Tells a refusal in terms of the call: what it asked for, beside what others hold or spent.
    fn with_asked(&self, exhausted: Exhausted, worst: &Spend) -> Exhausted {
        let free = self.advance.less(&self.drawn).get(exhausted.dimension);
        let asked = worst.get(exhausted.dimension);
        Exhausted { spent: exhausted.spent.saturating_sub(free), asked, ..exhausted }
    }

    /// Returns what is needed or wished, whichever is more; only what is needed if the limits have
    /// no room for the wish.
    fn as_allowed(&self, needed: &Spend, wished: &Spend) -> Spend {
        let wish = needed.zip(wished, u64::max);
        if self.check(|dimension| wish.get(dimension)).is_ok() { wish } else { *needed }
    }
}

#[cfg(test)]
#[path = "ledger/tests.rs"]
mod tests;
