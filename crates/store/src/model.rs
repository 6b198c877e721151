//! What every operation means: the protocol as a pure function over plain maps.
//!
//! [`Model::apply`] is the oracle. It has no IO, no clock and no concurrency; SQLite and Postgres
//! are compared with it operation by operation, and behind a lock it is a store by itself
//! ([`MemoryStore`]). Where this file is slow and obvious, that is on purpose.
//!
//! In reading order: [`runs`] (starting, the queue), `claim`, `append` (the fence), `inbox`
//! (messages both ways, timers, decisions), `sessions`, `index`, `allowance` (shared caps).

mod allowance;
mod append;
mod claim;
mod inbox;
mod index;
mod memory;
mod reviews;
mod runs;
mod sessions;
mod timers;
mod weeks;

use std::collections::{BTreeMap, BTreeSet};

use mainstay_core::{
    allowance::{AccountKey, Tally},
    digest::Digest,
    flow::{FlowDefinition, FlowVersion},
    id::{ReviewId, RunId, SessionId},
    journal::JournalRow,
    payload::Payload,
    store::{
        StoreError,
        local::LocalWrite,
        operation::{DeathProof, Operation, Reply},
        row::{InboxRow, IndexRow, OutboxRow, ReviewRow, RunRow, StoreFacts},
        schema::SchemaVersion,
    },
    time::Timestamp,
};

pub use self::memory::MemoryStore;

/// Everything a store holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    flows: BTreeMap<(String, u32), FlowDefinition>,
    runs: BTreeMap<RunId, Run>,
    keys: BTreeMap<(String, String), (RunId, Digest)>,
    ready: BTreeMap<RunId, Ready>,
    next_pass: u64,
    sessions: BTreeMap<SessionId, Session>,
    claims: BTreeMap<RunId, Claim>,
    timers: BTreeMap<(RunId, String), Timestamp>,
    outbox: Vec<OutboxRow>,
    reviews: BTreeMap<ReviewId, ReviewRow>,
    payloads: BTreeMap<(i64, String, Digest), Payload>,
    index: BTreeMap<RunId, IndexRow>,
    changed: BTreeSet<RunId>,
    written: Vec<LocalWrite>,
    commits: u64,
    /// Where runs that moved went.
    aliases: BTreeMap<RunId, RunId>,
    /// What runs that moved left: their tenant and their journal.
    left: BTreeMap<RunId, (String, Vec<JournalRow>)>,
    duties: BTreeMap<String, Duty>,
    accounts: BTreeMap<AccountKey, Tally>,
    /// What each session was given of each account, and the last turn; a row outlives its session.
    leases: BTreeMap<(AccountKey, SessionId), (Tally, u64)>,
}

/// Who has a duty, for the how manieth time it was given, and until when.
#[derive(Debug, Clone, PartialEq)]
struct Duty {
    holder: SessionId,
    term: u64,
    until: Timestamp,
}

/// A run: its row, what the row does not show, its journal and its inbox.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    row: RunRow,
    wake_after: u32,
    inbox_read: u64,
    tags: String,
    created_at: Timestamp,
    journal: Vec<JournalRow>,
    inbox: Vec<InboxRow>,
}

/// A run's one place in the queue.
#[derive(Debug, Clone, PartialEq)]
struct Ready {
    lane: FlowVersion,
    priority: i16,
    pass: u64,
}

/// A worker's session.
#[derive(Debug, Clone, PartialEq)]
struct Session {
    name: String,
    lanes: Vec<FlowVersion>,
    proof: Option<DeathProof>,
    expires_at: Timestamp,
    revoked: bool,
    draining: bool,
}

/// Who drives a run, and how far its inbox had come when it was claimed.
#[derive(Debug, Clone, PartialEq)]
struct Claim {
    owner: SessionId,
    inbox_seen: u64,
}

/// What can be read of a model through the port, for comparing it with a store.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Every run's row.
    pub runs: Vec<RunRow>,
    /// Every run's journal.
    pub journals: Vec<Vec<JournalRow>>,
    /// Every run's inbox.
    pub inboxes: Vec<Vec<InboxRow>>,
    /// Every review, newest first.
    pub reviews: Vec<ReviewRow>,
    /// Every message to others, oldest first.
    pub outbox: Vec<OutboxRow>,
}

impl Model {
    /// Carries out one operation at the time `now`.
    ///
    /// # Errors
    /// The operation could not be done; nothing of it happened.
    pub fn apply(&mut self, now: Timestamp, operation: &Operation) -> Result<Reply, StoreError> {
        use Operation as O;
        Ok(match operation {
            O::Migrate(()) => Reply::Migrate(1),
            O::Facts(()) => Reply::Facts(self.facts(now)),
            O::RegisterFlow(flow) => Reply::RegisterFlow(self.register_flow(flow)),
            O::Flows(()) => Reply::Flows(self.flows.values().cloned().collect()),
            O::OpenSession(session) => Reply::OpenSession(self.open_session(now, session)?),
            O::Beat(beat) => Reply::Beat(self.beat(now, beat)),
            O::CloseSession(id) => Reply::CloseSession(self.close_session(*id)),
            O::Sessions(()) => Reply::Sessions(self.session_rows(now)),
            O::Revoke(id) => Reply::Revoke(self.revoke(*id)),
            O::TakeOver(takeover) => Reply::TakeOver(self.take_over(now, *takeover)),
            O::CreateRun(run) => Reply::CreateRun(self.create_run(run)?),
            O::Claim(request) => Reply::Claim(self.claim(now, request)?),
            O::Append(parts) => {
                self.commits += 1;
                Reply::Append(self.append(now, parts))
            }
            O::Run(id) => Reply::Run(self.runs.get(&self.home(*id)).map(|run| run.row.clone())),
            O::Journal(request) => Reply::Journal(self.journal(request)),
            O::Payloads(request) => Reply::Payloads(self.payloads(request)),
            O::Inbox(request) => Reply::Inbox(self.inbox(request)),
            O::Deliver(delivery) => Reply::Deliver(self.deliver(delivery)?),
            O::FireTimers(fire) => Reply::FireTimers(self.fire_timers(now, fire.limit)?),
            O::Outbox(limit) => Reply::Outbox(self.outbox(*limit)),
            O::OutboxDone(rows) => Reply::OutboxDone(self.outbox_done(rows)),
            O::Reviews(filter) => Reply::Reviews(self.reviews(filter)),
            O::Decide(decision) => Reply::Decide(self.decide(decision)?),
            O::RefreshIndex(limit) => Reply::RefreshIndex(self.refresh_index(*limit)),
            O::RebuildIndex(()) => Reply::RebuildIndex(self.rebuild_index()),
            O::ListRuns(filter) => Reply::ListRuns(self.list_runs(filter)),
            O::Unexplained(()) => Reply::Unexplained(self.unexplained()),
            O::Hold(wish) => Reply::Hold(self.hold(now, wish)),
            O::MakeWeeks(()) => Reply::MakeWeeks(weeks::made_by(now)),
            O::Weeks(before) => Reply::Weeks(self.weeks(*before)),
            O::WeekRuns(request) => Reply::WeekRuns(self.week_runs(request)),
            O::LendPayloads(wish) => Reply::LendPayloads(self.lend_payloads(wish)),
            O::Rehome(wish) => Reply::Rehome(self.rehome(wish)?),
            O::DropWeek(wish) => Reply::DropWeek(self.drop_week(wish)),
            O::LeaseChunk(wish) => Reply::LeaseChunk(self.lease_chunk(now, wish)?),
            O::ReportChunk(report) => Reply::ReportChunk(self.report_chunk(now, report)?),
            O::Accounts(wish) => Reply::Accounts(self.accounts(now, *wish)),
        })
    }

    /// Returns what a reader could find out through the port.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut reviews: Vec<_> = self.reviews.values().cloned().collect();
        reviews.sort_by_key(|review| std::cmp::Reverse(reviews::age(review)));
        Snapshot {
            runs: self.runs.values().map(|run| run.row.clone()).collect(),
            journals: self.kept().map(|run_id| self.rows_of(run_id).to_vec()).collect(),
            inboxes: self.runs.values().map(|run| run.inbox.clone()).collect(),
            reviews,
            outbox: self.outbox.clone(),
        }
    }

    /// Returns the authors' statements whose parts were accepted, in that order. The model has no
    /// tables of theirs: that a statement was run is all it knows of it.
    #[must_use]
    pub fn written(&self) -> &[LocalWrite] {
        &self.written
    }

    fn register_flow(&mut self, flow: &FlowDefinition) -> FlowVersion {
        let place = (flow.name.clone(), flow.version);
        self.flows.entry(place).or_insert_with(|| flow.clone()).flow_version()
    }

    fn facts(&self, now: Timestamp) -> StoreFacts {
        StoreFacts {
            kind: "memory",
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema: SchemaVersion { found: 1, oldest: 1 },
            wanted: 1,
            now,
            commits: self.commits,
            durable: false,
            warnings: vec!["everything is gone when the process ends".to_owned()],
        }
    }
}
