//! Both sides of a lease: what an account has given out, what one session was given. Every store
//! applies this rule, inside one transaction.

use serde::{Deserialize, Serialize};

use crate::{
    budget::{Dimension, Exhausted, Limits, Spend},
    store::allowance::Lent,
};

/// A chunk is this part of what is left: small enough that the last ones are shared, large enough
/// that most calls need no lease.
const SHARE: u64 = 8;

/// What was given out, and what of it is known to be spent. An account has one, and so has each
/// session in each account; the account's is the sum of those of all sessions, dead ones included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Given out and not given back.
    pub granted: Spend,
    /// Known to be spent; part of what was given out.
    pub spent: Spend,
}

impl Tally {
    /// Returns what was given out and is not known to be spent: held by a worker that lives, or lost
    /// with one that does not.
    #[must_use]
    pub fn open(&self) -> Spend {
        self.granted.less(&self.spent)
    }

    /// Gives a session more of this account, so that it has been given `need` in all, and beyond
    /// that a share of what is left. `spent` is what the session has spent in all.
    ///
    /// # Errors
    /// The limits have no room for the need; what was spent is counted all the same.
    pub fn lease(
        &mut self,
        session: &mut Self,
        limits: &Limits,
        spent: &Spend,
        need: &Spend,
    ) -> Result<(), Exhausted> {
        self.count(session, spent);
        let more = need.less(&session.granted);
        self.check(limits, &more)?;
        let more = more.plus(&share(limits, &self.granted.plus(&more)));
        self.grant(session, session.granted.plus(&more));
        Ok(())
    }

    /// Returns who holds what was missing when a session could not be given `need` in all; `held` is
    /// what the other sessions hold that live.
    #[must_use]
    pub fn lent(&self, session: Self, held: &Spend, limits: &Limits, need: &Spend) -> Lent {
        let without = Self { granted: self.granted.less(held), ..*self };
        match without.check(limits, &need.less(&session.granted)) {
            Ok(()) => Lent::ToOthers,
            Err(_) => Lent::ToNobody,
        }
    }

    /// Refuses to give out `more`, in the first dimension where there is no room.
    fn check(&self, limits: &Limits, more: &Spend) -> Result<(), Exhausted> {
        for dimension in Dimension::summed() {
            let (spent, asked) = (self.granted.get(dimension), more.get(dimension));
            match limits.get(dimension) {
                Some(limit) if asked > 0 && spent.saturating_add(asked) > limit => {
                    return Err(Exhausted { dimension, limit, spent, asked });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes back what a session was given beyond `keep`, in all. `spent` is what it has spent in
    /// all, and is never taken back.
    pub fn report(&mut self, session: &mut Self, spent: &Spend, keep: &Spend) {
        self.count(session, spent);
        let keep = keep.zip(&session.granted, u64::min).zip(&session.spent, u64::max);
        self.grant(session, keep);
    }

    /// Counts what a session has spent in all. A vendor that billed more than the worst case may
    /// have brought that above what was given: it counts in full.
    fn count(&mut self, session: &mut Self, spent: &Spend) {
        let spent = spent.zip(&session.spent, u64::max);
        self.spent = self.spent.plus(&spent.less(&session.spent));
        session.spent = spent;
        self.grant(session, session.granted.zip(&spent, u64::max));
    }

    /// The one place where something is given out or taken back: both sides at once.
    fn grant(&mut self, session: &mut Self, granted: Spend) {
        self.granted = self.granted.less(&session.granted).plus(&granted);
        session.granted = granted;
    }
}

/// Returns a share of what the limits leave after `taken`. Where a total is limited, its parts have
/// the share together.
fn share(limits: &Limits, taken: &Spend) -> Spend {
    let bound = |counted: Dimension| {
        let limited = Dimension::summed().filter_map(|dimension| {
            let parts = dimension.parts();
            let bounds = dimension == counted || parts.contains(&counted);
            let limit = limits.get(dimension).filter(|_| bounds)?;
            let many = u64::try_from(parts.len().max(1)).unwrap_or(u64::MAX);
            Some(limit.saturating_sub(taken.get(dimension)) / SHARE.saturating_mul(many))
        });
        limited.min().unwrap_or(0)
    };
    Spend::by(bound)
}
