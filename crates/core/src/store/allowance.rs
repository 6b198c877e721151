//! What a store is asked about caps that many runs share.

use crate::{
    allowance::{AccountKey, Tally},
    budget::{Exhausted, Limits, Spend},
    id::SessionId,
    time::Timestamp,
};

/// A session's wish for more of an account. It names all amounts as they are *in all*, never the
/// difference: the same wish again, after an answer that was lost, counts nothing twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseChunk {
    /// Who.
    pub session: SessionId,
    /// Of which account.
    pub account: AccountKey,
    /// What the account may give out at most.
    pub limits: Limits,
    /// What the session has spent of it, in all.
    pub spent: Spend,
    /// What the session must have been given, in all.
    pub need: Spend,
    /// How often it has reported so far; see [`ReportChunk::turn`].
    pub turn: u64,
}

/// The answer to a wish for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leased {
    /// What the session has been given, in all: the need, and a share of what is left.
    Granted(Spend),
    /// There is no room.
    Exhausted {
        /// The refusal.
        exhausted: Exhausted,
        /// Whether there would be, if the other sessions that live gave back what they hold.
        lent: Lent,
    },
    /// The session is unknown, revoked or expired, or the wish comes after a later one: it gets
    /// nothing.
    Over,
}

/// Who holds what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lent {
    /// Sessions that live, and may give it back.
    ToOthers,
    /// Nobody: it is spent, or lost with workers that died.
    ToNobody,
}

/// A session's account of what it spent, and how much it goes on holding; both in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportChunk {
    /// Who.
    pub session: SessionId,
    /// Of which account.
    pub account: AccountKey,
    /// What it has spent.
    pub spent: Spend,
    /// What it keeps, what it has spent included. The rest goes back.
    pub keep: Spend,
    /// A number that rises with each report, and with each wish after one. A report that was given
    /// up as lost, and arrives after a later wish was granted, would take back what is being spent:
    /// whatever has a lower number than the last is refused.
    pub turn: u64,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// It counts.
    Counted,
    /// The session is unknown, revoked or expired, or the report comes after a later one: what was
    /// given stays given out.
    Over,
}

/// An account as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Which.
    pub account: AccountKey,
    /// What was given out, and what of it is known to be spent.
    pub tally: Tally,
    /// The part that sessions hold that live.
    pub held: Spend,
}

impl AccountRow {
    /// Returns what workers took with them that died: it counts as spent.
    #[must_use]
    pub fn lost(&self) -> Spend {
        self.tally.open().less(&self.held)
    }
}

/// Which accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountsAt {
    /// Those whose period holds this time.
    pub at: Timestamp,
}
