//! Giving queued runs to a session.

use mainstay_core::{
    id::{RunId, SessionId},
    journal::Position,
    run::RunStatus,
    store::{
        StoreError,
        operation::{ClaimRequest, ClaimedRun},
        row::RunRow,
    },
};

use super::{
    journal::NewRow,
    runs::run_id,
    scope::{Blob, Scope, column},
};
use crate::wire;

/// Every change of a claim, so that they cross to SQLite's thread together.
const OWN: &str = "
    UPDATE mainstay_runs SET status = 'running', epoch = ?2, owner = ?3, wait = NULL
    WHERE run_id = ?1;
    INSERT INTO mainstay_claims (run_id, tenant, owner, inbox_seen) VALUES (?1, ?4, ?3, ?5);
    DELETE FROM mainstay_ready WHERE run_id = ?1;
    INSERT OR IGNORE INTO mainstay_run_changes (run_id) VALUES (?1)";

impl Scope<'_> {
    /// Claims up to one run per nonce. A run that has crashed its workers is claimed alone.
    pub(super) async fn claim(
        &mut self,
        request: &ClaimRequest,
    ) -> Result<Vec<ClaimedRun>, StoreError> {
        let mut claimed = Vec::new();
        if !self.may_claim(request.session).await? {
            return Ok(claimed);
        }
        let mut nonces = request.nonces.iter();
        for candidate in self.candidates(request).await? {
            let Some(run) = self.claimable(candidate).await? else {
                self.dequeue(candidate).await?;
                continue;
            };
            let alone = run.crashes >= wire::ALONE_FROM;
            if alone && !claimed.is_empty() {
                continue;
            }
            let Some(nonce) = nonces.next() else { break };
            claimed.push(self.take(run, *nonce, request).await?);
            if alone {
                break;
            }
        }
        Ok(claimed)
    }

    async fn may_claim(&mut self, session: SessionId) -> Result<bool, StoreError> {
        let alive = "SELECT 1 FROM mainstay_sessions WHERE session_id = ?
                     AND NOT revoked AND NOT draining AND expires_at > ?";
        let alive = sqlx::query(alive).bind(session.blob()).bind(self.now.micros());
        Ok(self.row(alive).await?.is_some())
    }

    /// Returns the first runs of these lanes' queues. Each lane's is read from its index, because
    /// a lane that no worker serves may be long.
    async fn candidates(&mut self, request: &ClaimRequest) -> Result<Vec<RunId>, StoreError> {
        let limit = i64::try_from(request.nonces.len()).unwrap_or(i64::MAX);
        let first = "SELECT priority, pass, run_id FROM mainstay_ready
                     WHERE lane = ?1 AND (?3 IS NULL OR run_id = ?3)
                     ORDER BY priority, pass LIMIT ?2";
        let only = request.only.map(|run_id| run_id.blob());
        let mut queue = Vec::new();
        for flow in &request.lanes {
            let Some(lane) = self.lane(flow).await? else { continue };
            let first = sqlx::query(first).bind(lane).bind(limit).bind(only.clone());
            for row in self.rows(first).await? {
                let place: (i64, i64) = (column(&row, "priority")?, column(&row, "pass")?);
                queue.push((place, run_id(&row)?));
            }
        }
        queue.sort_unstable();
        queue.dedup();
        queue.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(queue.into_iter().map(|(_, run_id)| run_id).collect())
    }

    /// Returns the run if it is queued and nobody's; otherwise its place in the queue is stale.
    async fn claimable(&mut self, run_id: RunId) -> Result<Option<RunRow>, StoreError> {
        let run = self.run(run_id).await?;
        Ok(run.filter(|run| run.status == RunStatus::Queued && run.owner.is_none()))
    }

    async fn take(
        &mut self,
        mut run: RunRow,
        nonce: [u8; 16],
        request: &ClaimRequest,
    ) -> Result<ClaimedRun, StoreError> {
        run.epoch += 1;
        run.status = RunStatus::Running;
        run.owner = Some(request.session);
        run.wait = None;
        let position = self.last_position(run.run_id).await? + 1;
        let row = wire::claimed_row(request.session, nonce, position, run.epoch, request.at)?;
        self.insert_rows(&[NewRow { run_id: run.run_id, tenant: &run.tenant, row: &row }]).await?;
        self.own(&run, request.session).await?;
        let journal = self.journal(run.run_id, run.checkpoint.max(1), u32::MAX).await?;
        let inbox = self.unread(run.run_id).await?;
        let reads_only_for = run.reads_only_for(self.now);
        Ok(ClaimedRun { run, position, nonce, journal, inbox, reads_only_for })
    }

    /// Returns the journal's last place: asked of the journal, never of a cached column.
    async fn last_position(&mut self, run_id: RunId) -> Result<Position, StoreError> {
        let last = "SELECT max(position) AS head FROM mainstay_journal WHERE run_id = ?";
        let row = self.row(sqlx::query(last).bind(run_id.blob())).await?;
        let head = row.map(|row| column::<Option<i64>, _>(&row, "head")).transpose()?.flatten();
        wire::count(head.unwrap_or_default())
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
}
