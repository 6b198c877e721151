//! Giving queued runs to a session.

mod take;

use mainstay_core::{
    id::{RunId, SessionId},
    run::RunStatus,
    store::{
        StoreError,
        operation::{ClaimRequest, ClaimedRun},
        row::RunRow,
    },
};

use super::{
    runs::run_id,
    scope::{Blob, Scope, column},
};
use crate::wire;

impl Scope<'_> {
    /// Claims up to one run per nonce. A run that has crashed its workers is claimed alone.
    pub(super) async fn claim(
        &mut self,
        request: &ClaimRequest,
    ) -> Result<Vec<ClaimedRun>, StoreError> {
        if !self.may_claim(request.session).await? {
            return Ok(Vec::new());
        }
        let candidates = self.candidates(request).await?;
        let mut rows = self.rows_of(&candidates).await?;
        let (mut chosen, mut nonces) = (Vec::new(), request.nonces.iter());
        for candidate in candidates {
            let Some(run) = rows.remove(&candidate).filter(is_claimable) else {
                self.dequeue(candidate).await?;
                continue;
            };
            let alone = run.crashes >= wire::ALONE_FROM;
            if alone && !chosen.is_empty() {
                continue;
            }
            let Some(nonce) = nonces.next() else { break };
            chosen.push((run, *nonce));
            if alone {
                break;
            }
        }
        self.take(chosen, request).await
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
}

/// A run that is not queued, or somebody's, has a place in the queue that is stale.
fn is_claimable(run: &RunRow) -> bool {
    run.status == RunStatus::Queued && run.owner.is_none()
}
