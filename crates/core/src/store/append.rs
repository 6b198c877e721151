//! What an owner hands in: rows of its run's journal, and what goes with them.

use std::sync::Arc;

use crate::{
    digest::Digest,
    effect::IdempotencyKey,
    flow::FlowVersion,
    id::{ReviewId, RunId},
    inbox::InboxBody,
    journal::{Epoch, Head, JournalRow, Position},
    review::ReviewRequest,
    run::RunStatus,
    store::local::LocalWrite,
    time::Timestamp,
    wait::WaitSet,
};

/// One run's part of a commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// The run.
    pub run_id: RunId,
    /// The owner's epoch.
    pub epoch: Epoch,
    /// The end of the journal as the owner saw it.
    pub head: Head,
    /// The rows, gapless after the head; not empty. Shared with their owner, who sends them again
    /// when the answer is lost.
    pub rows: Arc<Vec<JournalRow>>,
    /// Messages that concern others.
    pub outbox: Vec<OutboxMessage>,
    /// Timers to set; a timer of the same key is replaced.
    pub timers: Vec<(String, Timestamp)>,
    /// Timers to drop.
    pub timers_off: Vec<String>,
    /// Reviews to open.
    pub reviews: Vec<ReviewRequest>,
    /// Reviews to close without a decision.
    pub reviews_off: Vec<ReviewId>,
    /// Statements of the author's that run in the transaction of the entry they belong to, in
    /// order; a statement the database refuses makes the part [`Poison`](Appended::Poison).
    pub local: Vec<LocalWrite>,
    /// What becomes of the run's row.
    pub change: RowChange,
}

impl Append {
    /// Returns the rows to be changed: a copy of its own, where they are shared.
    pub fn rows_mut(&mut self) -> &mut Vec<JournalRow> {
        Arc::make_mut(&mut self.rows)
    }

    /// Returns whether nothing but journal rows is written with it.
    #[must_use]
    pub const fn is_rows_only(&self) -> bool {
        self.outbox.is_empty()
            && self.timers.is_empty()
            && self.timers_off.is_empty()
            && self.reviews.is_empty()
            && self.reviews_off.is_empty()
            && self.local.is_empty()
    }
}

/// What a commit does to a run's row.
#[derive(Debug, Clone, PartialEq)]
pub enum RowChange {
    /// Nothing: an ordinary step.
    Keep,
    /// The rows hold a checkpoint; loading starts there.
    Checkpoint(Position),
    /// The run parks, if its inbox has not moved past what the owner has seen. The rows may hold a
    /// checkpoint.
    Park {
        /// The last inbox position the owner has received.
        inbox_seen: u64,
        /// For what.
        wait: WaitSet,
        /// The checkpoint, if the rows hold one.
        checkpoint: Option<Position>,
    },
    /// The run goes back to the queue.
    Release {
        /// The checkpoint, if the rows hold one.
        checkpoint: Option<Position>,
    },
    /// The run ends, if its inbox has not moved past what the owner has seen. Its timers go and
    /// its open reviews are closed.
    Finish {
        /// The last inbox position the owner has received.
        inbox_seen: u64,
        /// How.
        status: RunStatus,
    },
    /// The run belongs to another version from now on and goes back to the queue.
    Move {
        /// The version.
        to: FlowVersion,
    },
}

impl RowChange {
    /// Returns whether the run is its owner's no longer once this is durable.
    #[must_use]
    pub const fn gives_up_the_run(&self) -> bool {
        match self {
            Self::Keep | Self::Checkpoint(_) => false,
            Self::Park { .. } | Self::Release { .. } | Self::Finish { .. } | Self::Move { .. } => {
                true
            }
        }
    }
}

/// A message that concerns another run or the bus. Applied in a transaction of its own, at least
/// once, by key.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum OutboxMessage {
    /// Start a child run.
    StartChild {
        /// The child, whose id the parent has journaled.
        run_id: RunId,
        /// What it runs.
        flow: FlowVersion,
        /// Whose it is.
        tenant: String,
        /// Its first entry, as canonical JSON text.
        created: String,
        /// When, for its first row.
        at: Timestamp,
        /// Payload texts its first entry refers to.
        payloads: Vec<String>,
    },
    /// Put a message into another run's inbox.
    Tell {
        /// The run.
        run_id: RunId,
        /// Counts once under this key.
        key: String,
        /// The message.
        body: Box<InboxBody>,
        /// Payload texts the message refers to.
        payloads: Vec<String>,
    },
    /// An event on the bus.
    Emit {
        /// The subject.
        subject: String,
        /// The event's key, for consumers that must see it once.
        key: IdempotencyKey,
        /// The event, as canonical JSON text.
        payload: String,
    },
}

/// What became of one run's part of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// Everything of it is durable.
    Accepted,
    /// The head was not the journal's end, or the epoch not the run's, or the last entry ended the
    /// ownership, or (for a change of the run's row) the run is not the owner's any more: another
    /// owner has it, or this very append came before. The link that was found tells which.
    Fenced {
        /// The link found at the place of the part's first row, if there is a row.
        found: Option<Digest>,
    },
    /// It would have parked or ended the run, and the inbox has moved: nothing happened.
    InboxMoved {
        /// The inbox's head.
        head: u64,
    },
    /// The store refuses the values; nothing of this part happened, the others are not concerned.
    Poison(String),
}
