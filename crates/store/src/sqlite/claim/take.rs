//! Handing chosen runs over: what they hold is read for all of them at once.

use std::collections::BTreeMap;

use mainstay_core::{
    id::{RunId, SessionId},
    journal::JournalRow,
    run::RunStatus,
    store::{
        StoreError,
        operation::{ClaimRequest, ClaimedRun},
        row::{InboxRow, RunRow},
    },
};
use sqlx::{QueryBuilder, sqlite::SqliteRow};

use crate::{
    sqlite::{
        inbox::inbox_row,
        journal::{NewRow, journal_row},
        pieces::pieces,
        runs::{run_id, run_row},
        scope::{Blob, Scope},
    },
    wire,
};

/// Every change of a claim, so that they cross to SQLite's thread together.
const OWN: &str = "
    UPDATE mainstay_runs SET status = 'running', epoch = ?2, owner = ?3, wait = NULL
    WHERE run_id = ?1;
    INSERT INTO mainstay_claims (run_id, tenant, owner, inbox_seen) VALUES (?1, ?4, ?3, ?5);
    DELETE FROM mainstay_ready WHERE run_id = ?1;
    INSERT OR IGNORE INTO mainstay_run_changes (run_id) VALUES (?1)";

/// What several runs hold, by run.
type ByRun<T> = BTreeMap<RunId, Vec<T>>;

impl Scope<'_> {
    /// Gives each run, with a nonce each, to the session that asks.
    pub(super) async fn take(
        &mut self,
        chosen: Vec<(RunRow, [u8; 16])>,
        request: &ClaimRequest,
    ) -> Result<Vec<ClaimedRun>, StoreError> {
        let runs: Vec<&RunRow> = chosen.iter().map(|(run, _)| run).collect();
        let mut journals = self.journals_of(&runs).await?;
        let mut inboxes = self.inboxes_of(&runs).await?;
        let mut claimed = Vec::with_capacity(chosen.len());
        for (mut run, nonce) in chosen {
            run.epoch += 1;
            run.status = RunStatus::Running;
            run.owner = Some(request.session);
            run.wait = None;
            let run_id = run.run_id;
            let mut journal = journals.remove(&run_id).unwrap_or_default();
            // The journal itself says where it ends, never a cached column.
            let position = journal.last().map_or(0, |last| last.position) + 1;
            let row = wire::claimed_row(request.session, nonce, position, run.epoch, request.at)?;
            self.insert_rows(&[NewRow { run_id, tenant: &run.tenant, row: &row }]).await?;
            self.own(&run, request.session).await?;
            journal.push(row);
            let inbox = inboxes.remove(&run_id).unwrap_or_default();
            let reads_only_for = run.reads_only_for(self.now);
            claimed.push(ClaimedRun { run, position, nonce, journal, inbox, reads_only_for });
        }
        Ok(claimed)
    }

    async fn own(&mut self, run: &RunRow, session: SessionId) -> Result<(), StoreError> {
        let own = sqlx::query(OWN)
            .bind(run.run_id.blob())
            .bind(wire::int(run.epoch))
            .bind(session.blob())
            .bind(&run.tenant)
            .bind(wire::int(run.inbox_head));
        self.change(own).await.map(drop)
    }

    /// Returns the rows of these runs.
    pub(super) async fn rows_of(
        &mut self,
        runs: &[RunId],
    ) -> Result<BTreeMap<RunId, RunRow>, StoreError> {
        let read = "SELECT r.*, l.flow, l.version, l.definition FROM wanted w
                    CROSS JOIN mainstay_runs r USING (run_id) JOIN mainstay_lanes l USING (lane)";
        let wanted: Vec<_> = runs.iter().map(|run_id| (*run_id, 0)).collect();
        let found = self.by_run(&wanted, read, run_row).await?;
        Ok(found.into_values().flatten().map(|run| (run.run_id, run)).collect())
    }

    async fn journals_of(&mut self, runs: &[&RunRow]) -> Result<ByRun<JournalRow>, StoreError> {
        let read = "SELECT w.run_id, j.position, j.epoch, j.prev, j.link, j.kind, j.at, j.body,
                        j.payloads
                    FROM wanted w CROSS JOIN mainstay_journal j
                    WHERE j.run_id = w.run_id AND j.position >= w.start
                    ORDER BY w.run_id, j.position";
        let start = |run: &&RunRow| (run.run_id, wire::int(run.checkpoint.max(1)));
        let wanted: Vec<_> = runs.iter().map(start).collect();
        self.by_run(&wanted, read, journal_row).await
    }

    async fn inboxes_of(&mut self, runs: &[&RunRow]) -> Result<ByRun<InboxRow>, StoreError> {
        let read = "SELECT w.run_id, i.position, i.key, i.body, i.payloads
                    FROM wanted w CROSS JOIN mainstay_runs r USING (run_id)
                    CROSS JOIN mainstay_inbox i
                    WHERE i.run_id = w.run_id AND i.position > r.inbox_read
                    ORDER BY w.run_id, i.position";
        let told = runs.iter().filter(|run| run.inbox_head > 0);
        let wanted: Vec<_> = told.map(|run| (run.run_id, 0)).collect();
        self.by_run(&wanted, read, inbox_row).await
    }

    /// Reads what `wanted` runs hold; each is given with the place to start at.
    async fn by_run<T>(
        &mut self,
        wanted: &[(RunId, i64)],
        read: &'static str,
        value: fn(&SqliteRow) -> Result<T, StoreError>,
    ) -> Result<ByRun<T>, StoreError> {
        let mut found = ByRun::new();
        for piece in pieces(wanted) {
            let mut sql = QueryBuilder::new("WITH wanted (run_id, start) AS (");
            sql.push_values(piece, |mut row, (run_id, start)| {
                row.push_bind(run_id.blob()).push_bind(*start);
            });
            sql.push(") ").push(read);
            for row in self.rows(sql.build()).await? {
                found.entry(run_id(&row)?).or_default().push(value(&row)?);
            }
        }
        Ok(found)
    }
}
