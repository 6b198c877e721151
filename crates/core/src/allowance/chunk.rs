//! The process's side of a lease: what it was given, and what of that is spoken for.

use crate::budget::Spend;

/// What one session was given of one account. All runs of the process draw from it.
///
/// Held is what may be spent without a further word: the worst cases of calls in flight, and the
/// standing advances of runs. `spent + held <= granted`, unless a vendor bills more than the worst
/// case it was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chunk {
    granted: Spend,
    spent: Spend,
    held: Spend,
}

impl Chunk {
    /// Returns what nobody has spent or holds.
    #[must_use]
    pub fn free(&self) -> Spend {
        self.granted.less(&self.spent).less(&self.held)
    }

    /// Returns what was spent in all.
    #[must_use]
    pub const fn spent(&self) -> Spend {
        self.spent
    }

    /// Returns what was given in all.
    #[must_use]
    pub const fn all(&self) -> Spend {
        self.granted
    }

    /// Returns whether nothing is held.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.held == Spend::ZERO
    }

    /// Returns what the session must have been given in all, so that `more` can be held.
    #[must_use]
    pub fn needed(&self, more: &Spend) -> Spend {
        self.spent.plus(&self.held).plus(more)
    }

    /// Holds `more` if there is room. Returns whether there was.
    #[must_use]
    pub fn hold(&mut self, more: &Spend) -> bool {
        let room = self.free().covers(more);
        if room {
            self.held = self.held.plus(more);
        }
        room
    }

    /// Spends `used`, and lets go of `less` that was held for it.
    pub fn settle(&mut self, used: &Spend, less: &Spend) {
        self.held = self.held.less(less);
        self.spent = self.spent.plus(used);
    }

    /// Counts what the session has been given in all. Answers may overtake each other: each says
    /// more than those before it.
    pub fn grant(&mut self, granted: &Spend) {
        self.granted = self.granted.zip(granted, u64::max);
    }

    /// Keeps no more than is spent or held, and returns that: whatever the store answers, the rest
    /// is given up.
    pub fn give_back(&mut self) -> Spend {
        self.granted = self.granted.zip(&self.needed(&Spend::ZERO), u64::min);
        self.granted
    }
}
