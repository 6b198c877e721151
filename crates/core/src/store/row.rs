//! What stores return: rows as values.

use std::time::Duration;

use crate::{
    flow::FlowVersion,
    id::{ReviewId, RunId, SessionId},
    inbox::InboxBody,
    journal::{Epoch, Position},
    payload::Payload,
    review::{ReviewOutcome, ReviewRequest},
    run::RunStatus,
    store::{
        operation::{DeathProof, OutboxMessage},
        schema::SchemaVersion,
    },
    time::Timestamp,
    wait::WaitSet,
};

/// A run's row: narrow, changed on claim, park, finish and inbox only.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// The run.
    pub run_id: RunId,
    /// Whose it is.
    pub tenant: String,
    /// What it is pinned to.
    pub flow: FlowVersion,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it is not running, if it is parked.
    pub wait: Option<WaitSet>,
    /// The last claim's number; 0 before the first.
    pub epoch: Epoch,
    /// The session that drives it.
    pub owner: Option<SessionId>,
    /// The last message's position; 0 for none.
    pub inbox_head: u64,
    /// The checkpoint loading starts at; 0 for none.
    pub checkpoint: Position,
    /// Takeovers since the run last made progress.
    pub crashes: u32,
    /// The run that started it.
    pub parent: Option<RunId>,
    /// Smaller goes first.
    pub priority: i16,
    /// Until then its owner launches nothing but reads: the end of a lease that was not waited for.
    pub reads_only_until: Option<Timestamp>,
}

impl RunRow {
    /// Returns how long from `now`, by the store's clock, nothing but reads may be launched.
    #[must_use]
    pub fn reads_only_for(&self, now: Timestamp) -> Duration {
        self.reads_only_until.map(|until| until.since(now)).unwrap_or_default()
    }
}

/// A worker session's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub session: SessionId,
    /// Host and process.
    pub name: String,
    /// How long its lease has run out; zero while it holds.
    pub overdue: Duration,
    /// How long its lease still holds; zero when it has run out.
    pub left: Duration,
    /// Whether it can never extend its lease again.
    pub revoked: bool,
    /// Whether it takes no new runs.
    pub draining: bool,
    /// Whether the lock bound to its control connection is free: others may take over early.
    pub lock_free: bool,
    /// The lock file that proves its death on the same host.
    pub proof: Option<DeathProof>,
    /// How many runs it drives.
    pub runs: u64,
    /// The flow versions it can drive.
    pub lanes: Vec<FlowVersion>,
}

/// A message to a run.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxRow {
    /// Its place, from 1.
    pub position: u64,
    /// The key it counts under.
    pub key: String,
    /// The message.
    pub body: InboxBody,
    /// Payloads the message refers to.
    pub payloads: Vec<Payload>,
}

/// A message to others that is not yet delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxRow {
    /// The run that sent it.
    pub run_id: RunId,
    /// The place of the part's first journal row.
    pub position: Position,
    /// Its number in that part.
    pub n: u32,
    /// The message.
    pub message: OutboxMessage,
}

/// A review's row.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewRow {
    /// The run that waits.
    pub run_id: RunId,
    /// Whose it is.
    pub tenant: String,
    /// What was asked.
    pub request: ReviewRequest,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// How it ended; `None` while it is open, or if it was closed without a decision.
    pub outcome: Option<ReviewOutcome>,
    /// Whether it still waits for a person.
    pub open: bool,
}

/// Which reviews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewFilter {
    /// Open ones, oldest first, at most this many.
    Open(u32),
    /// All, newest first, at most this many.
    All(u32),
    /// Those whose id lies in this inclusive range of UUIDs.
    Ids(uuid::Uuid, uuid::Uuid),
    /// Those of a run.
    OfRun(RunId),
    /// The one with this id.
    One(ReviewId),
}

/// Which runs of the searchable list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexFilter {
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only this flow's.
    pub flow: Option<String>,
    /// Only these statuses; empty for all.
    pub statuses: Vec<RunStatus>,
    /// Only ids in this inclusive range of UUIDs.
    pub ids: Option<(uuid::Uuid, uuid::Uuid)>,
    /// Only runs older than this one.
    pub before: Option<RunId>,
    /// At most this many; 0 for 100.
    pub limit: u32,
}

impl IndexFilter {
    /// Returns how many there may be at most.
    #[must_use]
    pub const fn most(&self) -> u32 {
        if self.limit == 0 { 100 } else { self.limit }
    }
}

/// A row of the searchable list; it may lag behind the run's row by a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexRow {
    /// The run.
    pub run_id: RunId,
    /// Whose it is.
    pub tenant: String,
    /// What it runs.
    pub flow: FlowVersion,
    /// Where it stood.
    pub status: RunStatus,
    /// Why it was not running.
    pub wait: Option<WaitSet>,
    /// The run that started it.
    pub parent: Option<RunId>,
    /// Search tags, `k=v` joined by newlines.
    pub tags: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFacts {
    /// `memory`, `sqlite` or `postgres`.
    pub kind: &'static str,
    /// The server's or library's version.
    pub version: String,
    /// The schema it has.
    pub schema: SchemaVersion,
    /// The version this program needs.
    pub wanted: i64,
    /// The store's clock.
    pub now: Timestamp,
    /// Commits that carried parts of journals, since this handle on the store was made.
    pub commits: u64,
    /// Whether a commit is flushed to disk before it is acknowledged.
    pub durable: bool,
    /// Findings worth a warning, as sentences.
    pub warnings: Vec<String>,
}
