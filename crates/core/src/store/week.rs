//! What a store is asked about old weeks and the runs that outlive them.

use std::time::Duration;

use crate::{
    digest::Digest,
    id::{RunId, SessionId},
    journal::{Epoch, Head, JournalRow},
    week::Week,
};

/// The number of a holding of a duty: what an earlier holder began is refused.
pub type Term = u64;

/// A wish to have a duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldDuty {
    /// Which.
    pub duty: String,
    /// Who.
    pub holder: SessionId,
    /// How long, by the store's clock; a holder asks again before it has passed.
    pub span: Duration,
}

/// Which runs of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeekRuns {
    /// The week.
    pub week: Week,
    /// Only runs after this one.
    pub after: Option<RunId>,
    /// At most this many.
    pub limit: u32,
}

/// Which payloads go where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LendPayloads {
    /// The run that refers to them.
    pub from: RunId,
    /// The id under whose week they are wanted.
    pub to: RunId,
    /// The payloads.
    pub digests: Vec<Digest>,
}

/// A move of a parked run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehome {
    /// The id it has.
    pub run_id: RunId,
    /// Its epoch.
    pub epoch: Epoch,
    /// The end of its journal.
    pub head: Head,
    /// The head of its inbox.
    pub inbox_seen: u64,
    /// `claimed` and `moved`, which end the journal.
    pub rows: [JournalRow; 2],
    /// The id it gets.
    pub to: RunId,
    /// `rehomed`, with which its new journal begins.
    pub first: JournalRow,
}

/// What became of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehoming {
    /// The run has its new id.
    Done,
    /// It is not parked at the head, epoch and inbox that were seen: nothing happened.
    Missed,
    /// The id it should get is taken: nothing happened.
    Taken,
}

/// A wish to drop a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropWeek {
    /// The week.
    pub week: Week,
    /// The holding of the [`UPKEEP`] duty under which it is dropped.
    pub term: Term,
    /// At most about this many rows go in one transaction, where rows go one by one.
    pub limit: u32,
}

/// The duty under which weeks are dropped.
pub const UPKEEP: &str = "upkeep";

/// What became of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DroppedWeek {
    /// Nothing of it is left.
    Gone,
    /// Some of it is left; ask again.
    More,
    /// So many unfinished runs keep it. Nothing was dropped.
    Kept(u64),
    /// Others are at work on it; ask later. Nothing was dropped.
    Busy,
    /// The duty has another holder now. Nothing was dropped.
    Superseded,
}
