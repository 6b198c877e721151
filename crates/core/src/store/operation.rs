//! The closed list of operations, as one table.

use std::time::Duration;

use crate::{
    digest::Digest,
    flow::{FlowDefinition, FlowVersion},
    id::{ReviewId, RunId, SessionId},
    inbox::InboxBody,
    journal::{JournalRow, Position},
    payload::Payload,
    review::ReviewOutcome,
    store::row::{
        InboxRow, IndexFilter, IndexRow, OutboxRow, ReviewFilter, ReviewRow, RunRow, SessionRow,
        StoreFacts,
    },
    store::{Store, StoreError},
    time::Timestamp,
    week::Week,
};

pub use super::{
    allowance::{AccountRow, AccountsAt, LeaseChunk, Leased, Lent, ReportChunk, Reported},
    append::{Append, Appended, OutboxMessage, RowChange},
    week::{DropWeek, DroppedWeek, HoldDuty, LendPayloads, Rehome, Rehoming, Term, WeekRuns},
};

macro_rules! operations {
    ($($(#[$doc:meta])* $method:ident: $name:ident($request:ty) -> $reply:ty;)*) => {
        /// One thing a store can be asked to do.
        #[derive(Debug, Clone)]
        pub enum Operation { $($(#[$doc])* $name($request),)* }

        /// The answer to an operation of the same name.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Reply { $($(#[$doc])* $name($reply),)* }

        impl Operation {
            /// Every operation's name.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($method)),*];

            /// Returns the operation's name.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($method),)* }
            }
        }

        impl dyn Store + '_ {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// The store could not do it; see [`StoreError`].
            pub async fn $method(&self, request: $request) -> Result<$reply, StoreError> {
                match self.execute(Operation::$name(request)).await? {
                    Reply::$name(reply) => Ok(reply),
                    _ => Err(StoreError::Reply(stringify!($method))),
                }
            }
        )*}
    };
}

operations! {
    /// Makes the schema, or brings it to this program's version. Runs in steps, each a transaction.
    migrate: Migrate(()) -> i64;
    /// Returns what the store is, its clock, its schema version; the doctor's first question.
    facts: Facts(()) -> StoreFacts;
    /// Makes a flow version known. The same name and number again change nothing: the answer is
    /// the version that is stored, whose definition may be another.
    register_flow: RegisterFlow(FlowDefinition) -> FlowVersion;
    /// Returns every known flow version.
    flows: Flows(()) -> Vec<FlowDefinition>;
    /// Opens a worker session with its first beat. Returns the end of its lease. The same session
    /// again changes nothing.
    open_session: OpenSession(OpenSession) -> Timestamp;
    /// Extends a session's lease, and names what concerns its runs.
    beat: Beat(BeatRequest) -> Beat;
    /// Ends a session; its runs are queued again.
    close_session: CloseSession(SessionId) -> u64;
    /// Returns every session that is not closed, for takeover and for people.
    sessions: Sessions(()) -> Vec<SessionRow>;
    /// Revokes a session in a committed transaction. Returns the lease's final end.
    revoke: Revoke(SessionId) -> Option<Timestamp>;
    /// Queues a revoked session's runs again where it still owns them, counting a crash for each,
    /// and closes the session. Returns how many; 0 for a session that is not revoked. Where the
    /// death is only presumed and the lease still holds, the runs are marked: until it has passed
    /// their next owner launches nothing but reads.
    take_over: TakeOver(TakeOver) -> u64;
    /// Starts a run, once per idempotency key and once per id.
    create_run: CreateRun(Box<NewRun>) -> CreatedRun;
    /// Gives queued runs to a session: the most urgent, then the longest waiting, a nonce each in
    /// that order. A run that crashed twice is given alone. A session that is unknown, revoked,
    /// expired or draining gets none.
    claim: Claim(ClaimRequest) -> Vec<ClaimedRun>;
    /// Appends to the journals of several runs in one commit. Each run's part is accepted or
    /// refused by itself; the answers stand in the order of the parts.
    append: Append(Vec<Append>) -> Vec<Appended>;
    /// Returns a run's row.
    /// An id that moved leads to the row it has now.
    run: Run(RunId) -> Option<RunRow>;
    /// Returns a run's journal from a position on, with the payloads that stand in its rows.
    journal: Journal(JournalRequest) -> Vec<JournalRow>;
    /// Returns payloads by digest; those that are gone are left out. Inline ones are found through
    /// the position of the row that carried them.
    payloads: Payloads(PayloadRequest) -> Vec<Payload>;
    /// Returns a run's messages after a position.
    inbox: Inbox(InboxRequest) -> Vec<InboxRow>;
    /// Puts a message into a run's inbox, once per key, and wakes the run if it was parked for it.
    /// An id that moved leads to the run.
    deliver: Deliver(Delivery) -> Delivered;
    /// Turns due timers into messages; each run's in a transaction of its own. Returns how many
    /// fired, and when the next one is due.
    fire_timers: FireTimers(FireTimers) -> FiredTimers;
    /// Returns messages to others that are not yet delivered, oldest first.
    outbox: Outbox(u32) -> Vec<OutboxRow>;
    /// Removes delivered messages.
    outbox_done: OutboxDone(Vec<OutboxRow>) -> u64;
    /// Returns reviews.
    reviews: Reviews(ReviewFilter) -> Vec<ReviewRow>;
    /// Decides a review, once: the row changes and the message is delivered in one transaction.
    decide: Decide(DecideReview) -> Decided;
    /// Brings the searchable list up to date. Returns how many rows changed.
    refresh_index: RefreshIndex(u32) -> u64;
    /// Empties the searchable list and builds it anew.
    rebuild_index: RebuildIndex(()) -> u64;
    /// Returns runs from the searchable list, newest first.
    list_runs: ListRuns(IndexFilter) -> Vec<IndexRow>;
    /// Returns unfinished runs with no row that says why they are not running; the doctor's check.
    unexplained: Unexplained(()) -> Vec<RunId>;
    /// Takes or keeps a duty that one process has at a time, with a term that rises with each new
    /// holder. `None` while another holds it.
    hold: Hold(HoldDuty) -> Option<Term>;
    /// Makes room for the runs of this week and the next ones, where a store needs it made. Returns
    /// the last week there is room for.
    make_weeks: MakeWeeks(()) -> Week;
    /// Returns the weeks before one that journals are kept of, oldest first.
    weeks: Weeks(Week) -> Vec<Week>;
    /// Returns the runs that journals of a week are kept of, by id: those that live elsewhere now
    /// among them.
    week_runs: WeekRuns(WeekRuns) -> Vec<RunId>;
    /// Copies a run's large payloads to another id of it. Returns how many are there now.
    lend_payloads: LendPayloads(LendPayloads) -> u64;
    /// Moves a parked run to another id, in one transaction: its journal ends and goes on there, its
    /// row, inbox, timers and reviews follow, and the id it had leads to the new one.
    rehome: Rehome(Box<Rehome>) -> Rehoming;
    /// Drops a week: its journals, payloads and ended runs, with whatever those left behind. A week
    /// with an unfinished run that has not moved is kept.
    drop_week: DropWeek(DropWeek) -> DroppedWeek;
    /// Gives a session a chunk of an account that many share, and counts it as given out in the same
    /// transaction. Nothing but a report of that session, as long as it lives, takes any of it back.
    lease_chunk: LeaseChunk(Box<LeaseChunk>) -> Leased;
    /// Counts what a session has spent of an account, and takes back what it does not keep.
    report_chunk: ReportChunk(ReportChunk) -> Reported;
    /// Returns the accounts whose period holds a time, by scope and period.
    accounts: Accounts(AccountsAt) -> Vec<AccountRow>;
}

/// A worker process that wants to drive runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// Its session.
    pub session: SessionId,
    /// Host and process, for people.
    pub name: String,
    /// The flow versions it can drive.
    pub lanes: Vec<FlowVersion>,
    /// How long a beat is good for.
    pub lease: Duration,
    /// The lock file that proves its death on the same host.
    pub proof: Option<DeathProof>,
}

/// A file that a worker made and holds a lock on: whoever gets that lock has proof of its death.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeathProof {
    /// The host's boot id.
    pub boot_id: String,
    /// The file.
    pub path: String,
    /// Its device.
    pub device: u64,
    /// Its inode.
    pub inode: u64,
    /// The random token written into it.
    pub token: String,
}

/// One beat of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeatRequest {
    /// The session.
    pub session: SessionId,
    /// How long the beat is good for.
    pub lease: Duration,
    /// Whether it takes no new runs.
    pub draining: bool,
}

/// The answer to a beat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beat {
    /// The lease holds.
    Alive {
        /// The store's clock.
        now: Timestamp,
        /// Runs of this session with inbox messages beyond what their owner has read, with the
        /// inbox's head.
        moved: Vec<(RunId, u64)>,
    },
    /// The session is over for good: revoked, expired or unknown.
    Lost,
}

/// A takeover of a revoked session's runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeOver {
    /// The session.
    pub session: SessionId,
    /// What is known of its end.
    pub death: Death,
}

/// What is known of a worker's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The process is gone.
    Proved,
    /// Nothing is known but what its lease says: while it holds, a call may still be on its way.
    Presumed,
}

/// A run to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub run_id: RunId,
    /// Whose it is.
    pub tenant: String,
    /// What it runs.
    pub flow: FlowVersion,
    /// Smaller goes first; 100 is ordinary.
    pub priority: i16,
    /// A key that starts it at most once, with the digest of the input it was used with.
    pub key: Option<(String, Digest)>,
    /// Its first row.
    pub first: JournalRow,
    /// The run that started it.
    pub parent: Option<RunId>,
    /// Search tags as text, `k=v` joined by newlines; empty for none.
    pub tags: String,
}

/// The answer to a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreatedRun {
    /// It starts.
    Created,
    /// The key or the id was used before, with the same input.
    Exists(RunId),
    /// The key was used before with another input.
    Conflict(RunId),
}

/// A wish for work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Who.
    pub session: SessionId,
    /// The flow versions it can drive.
    pub lanes: Vec<FlowVersion>,
    /// Only this run, if it is queued in one of the lanes.
    pub only: Option<RunId>,
    /// One random nonce per run it may get; its length is the limit.
    pub nonces: Vec<[u8; 16]>,
    /// When, for the `claimed` entry.
    pub at: Timestamp,
}

/// A run that is now the claimer's.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRun {
    /// Its row, as of the claim.
    pub run: RunRow,
    /// The `claimed` row's place.
    pub position: Position,
    /// The nonce it was given.
    pub nonce: [u8; 16],
    /// Its journal from the last checkpoint (or the start) to the `claimed` row, with the
    /// payloads that stand in the rows.
    pub journal: Vec<JournalRow>,
    /// Its messages beyond what the journal has received.
    pub inbox: Vec<InboxRow>,
    /// How long, from the claim on, nothing but reads may be launched for it: so long its last
    /// owner may live.
    pub reads_only_for: Duration,
}

/// Which part of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalRequest {
    /// The run.
    pub run_id: RunId,
    /// The first row wanted, from 1.
    pub from: Position,
    /// At most this many rows.
    pub limit: u32,
}

/// Which payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadRequest {
    /// The run that refers to them.
    pub run_id: RunId,
    /// Each with the position of the row that carried it.
    pub wanted: Vec<(Digest, Position)>,
}

/// Which part of an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxRequest {
    /// The run.
    pub run_id: RunId,
    /// Messages after this position.
    pub after: u64,
}

/// A message to a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The run.
    pub run_id: RunId,
    /// Counts once under this key.
    pub key: String,
    /// The message.
    pub body: InboxBody,
    /// Payloads the message refers to; kept in the inbox row.
    pub payloads: Vec<Payload>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It is the inbox's new head, and the run was woken or not.
    Accepted {
        /// Its position.
        position: u64,
        /// Whether the run went from parked to queued.
        woke: bool,
    },
    /// The key was used before.
    Duplicate {
        /// The first one's position.
        position: u64,
    },
    /// The run has ended.
    Ended,
    /// There is no such run.
    Unknown,
}

/// A round of the timer scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FireTimers {
    /// At most this many.
    pub limit: u32,
}

/// What a round of the timer scanner did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FiredTimers {
    /// How many fired.
    pub fired: u32,
    /// How long until the next one is due, by the store's clock.
    pub next_in: Option<Duration>,
}

/// A person's answer to a review.
#[derive(Debug, Clone, PartialEq)]
pub struct DecideReview {
    /// The review.
    pub review_id: ReviewId,
    /// The digest of the subject the person was shown.
    pub subject_digest: Digest,
    /// The answer.
    pub outcome: ReviewOutcome,
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Decided {
    /// It counts.
    Counted(RunId),
    /// The review was closed before, and this is how.
    Closed(Option<ReviewOutcome>),
    /// The subject is not the one that was shown.
    SubjectChanged,
    /// The run has ended.
    Ended,
    /// There is no such review.
    Unknown,
}
