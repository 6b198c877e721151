//! One transaction's view: the connection, the time, and the four ways to use them.
//!
//! Each concern of the protocol adds its operations to [`Scope`] in a file of its own; the same
//! functions serve the writer's transactions and the readers.

use mainstay_core::{
    id::{ReviewId, RunId, SessionId},
    store::{
        StoreError,
        operation::{Operation, Reply},
    },
    time::Timestamp,
    week::Week,
};
use sqlx::{
    ColumnIndex, Decode, Row, Sqlite, SqliteConnection, Type,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::error::store_error;
use crate::wire;

/// A prepared statement with its values.
pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// How far apart the parts of a transaction are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Not at all: an error takes the whole transaction with it. The ordinary, cheap way.
    Shared,
    /// Each in a savepoint of its own: an error takes only its part.
    Each,
}

/// A connection inside a transaction, and the store's time.
pub(super) struct Scope<'a> {
    pub(super) db: &'a mut SqliteConnection,
    pub(super) now: Timestamp,
    pub(super) isolation: Isolation,
}

/// Returns a column of a row.
pub(super) fn column<'r, T, I>(row: &'r SqliteRow, index: I) -> Result<T, StoreError>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
    I: ColumnIndex<SqliteRow>,
{
    row.try_get(index).map_err(store_error)
}

/// Ids as columns hold them.
pub(super) trait Blob {
    /// Returns the sixteen bytes.
    fn blob(&self) -> Vec<u8>;
}

macro_rules! blobs {
    ($($id:ty),*) => {$(
        impl Blob for $id {
            fn blob(&self) -> Vec<u8> { self.uuid().as_bytes().to_vec() }
        }
    )*};
}
blobs!(RunId, SessionId, ReviewId);

impl Scope<'_> {
    /// Carries out any operation of the port.
    pub(super) async fn execute(&mut self, operation: &Operation) -> Result<Reply, StoreError> {
        use Operation as O;
        Ok(match operation {
            O::Migrate(()) => Reply::Migrate(super::schema::migrate(self.db).await?),
            O::Facts(()) => Reply::Facts(self.facts().await?),
            O::RegisterFlow(flow) => Reply::RegisterFlow(self.register_flow(flow).await?),
            O::Flows(()) => Reply::Flows(self.flows().await?),
            O::OpenSession(session) => Reply::OpenSession(self.open_session(session).await?),
            O::Beat(beat) => Reply::Beat(self.beat(beat).await?),
            O::CloseSession(id) => Reply::CloseSession(self.close_session(*id).await?),
            O::Sessions(()) => Reply::Sessions(self.sessions().await?),
            O::Revoke(id) => Reply::Revoke(self.revoke(*id).await?),
            O::TakeOver(takeover) => Reply::TakeOver(self.take_over(*takeover).await?),
            O::CreateRun(run) => Reply::CreateRun(self.create_run(run).await?),
            O::Claim(request) => Reply::Claim(self.claim(request).await?),
            O::Append(parts) => Reply::Append(self.append(parts).await?),
            O::Run(id) => Reply::Run(self.run(*id).await?),
            O::Journal(r) => Reply::Journal(self.journal(r.run_id, r.from, r.limit).await?),
            O::Payloads(request) => Reply::Payloads(self.payloads(request).await?),
            O::Inbox(r) => Reply::Inbox(self.inbox(r.run_id, r.after).await?),
            O::Deliver(delivery) => Reply::Deliver(self.deliver(delivery).await?),
            O::FireTimers(fire) => Reply::FireTimers(self.fire_timers(fire.limit).await?),
            O::Outbox(limit) => Reply::Outbox(self.outbox(*limit).await?),
            O::OutboxDone(rows) => Reply::OutboxDone(self.outbox_done(rows).await?),
            O::Reviews(filter) => Reply::Reviews(self.reviews(filter).await?),
            O::Decide(decision) => Reply::Decide(self.decide(decision).await?),
            O::RefreshIndex(limit) => Reply::RefreshIndex(self.refresh_index(*limit).await?),
            O::RebuildIndex(()) => Reply::RebuildIndex(self.rebuild_index().await?),
            O::ListRuns(filter) => Reply::ListRuns(self.list_runs(filter).await?),
            O::Unexplained(()) => Reply::Unexplained(self.unexplained().await?),
            O::Hold(wish) => Reply::Hold(self.hold(wish).await?),
            O::MakeWeeks(()) => Reply::MakeWeeks(wire::made_by(Week::at(self.now))),
            O::Weeks(before) => Reply::Weeks(self.weeks(*before).await?),
            O::WeekRuns(request) => Reply::WeekRuns(self.week_runs(request).await?),
            O::LendPayloads(wish) => Reply::LendPayloads(self.lend_payloads(wish).await?),
            O::Rehome(wish) => Reply::Rehome(self.rehome(wish).await?),
            O::DropWeek(wish) => Reply::DropWeek(self.drop_week(wish).await?),
            O::LeaseChunk(wish) => Reply::LeaseChunk(self.lease_chunk(wish).await?),
            O::ReportChunk(report) => Reply::ReportChunk(self.report_chunk(report).await?),
            O::Accounts(wish) => Reply::Accounts(self.accounts(*wish).await?),
        })
    }

    /// Runs a statement; returns how many rows it changed.
    pub(super) async fn change(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let done = statement.execute(&mut *self.db).await.map_err(store_error)?;
        Ok(done.rows_affected())
    }

    /// Returns the first row, if there is one.
    pub(super) async fn row(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<SqliteRow>, StoreError> {
        statement.fetch_optional(&mut *self.db).await.map_err(store_error)
    }

    /// Returns every row.
    pub(super) async fn rows(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        statement.fetch_all(&mut *self.db).await.map_err(store_error)
    }

    /// Notes that a run's row in the searchable list is out of date.
    pub(super) async fn changed(&mut self, run_id: RunId) -> Result<(), StoreError> {
        let note = "INSERT OR IGNORE INTO mainstay_run_changes (run_id) VALUES (?)";
        self.change(sqlx::query(note).bind(run_id.blob())).await.map(drop)
    }
}
