//! Giving queued runs to a session.

use mainstay_core::{
    id::{RunId, SessionId},
    journal::JournalRow,
    run::RunStatus,
    store::{
        StoreError,
        operation::{ClaimRequest, ClaimedRun},
    },
    time::Timestamp,
};

use super::{Claim, Model, Run};
use crate::wire;

impl Model {
    /// Claims up to one run per nonce. A run that has crashed its workers is claimed alone.
    pub(super) fn claim(
        &mut self,
        now: Timestamp,
        request: &ClaimRequest,
    ) -> Result<Vec<ClaimedRun>, StoreError> {
        let mut claimed = Vec::new();
        if !self.may_claim(now, request.session) {
            return Ok(claimed);
        }
        let mut nonces = request.nonces.iter();
        for run_id in self.candidates(request) {
            let alone = self.runs.get(&run_id).is_some_and(|r| r.row.crashes >= wire::ALONE_FROM);
            if alone && !claimed.is_empty() {
                continue;
            }
            let Some(nonce) = nonces.next() else { break };
            claimed.extend(self.take(now, run_id, *nonce, request)?);
            if alone {
                break;
            }
        }
        Ok(claimed)
    }

    fn may_claim(&self, now: Timestamp, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|s| !s.revoked && !s.draining && s.expires_at > now)
    }

    /// Returns the first runs in the queues of these lanes: the most urgent, then the longest
    /// waiting.
    fn candidates(&self, request: &ClaimRequest) -> Vec<RunId> {
        let named = |id: &RunId| request.only.is_none_or(|only| only == *id);
        let wanted = self
            .ready
            .iter()
            .filter(|(id, ready)| named(id) && request.lanes.contains(&ready.lane));
        let mut queue: Vec<_> = wanted.map(|(id, r)| (r.priority, r.pass, *id)).collect();
        queue.sort_unstable();
        queue.into_iter().take(request.nonces.len()).map(|(_, _, run_id)| run_id).collect()
    }

    fn take(
        &mut self,
        now: Timestamp,
        run_id: RunId,
        nonce: [u8; 16],
        request: &ClaimRequest,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        let Some(run) = self.runs.get_mut(&run_id) else { return Ok(None) };
        let position = last_position(run) + 1;
        let epoch = run.row.epoch + 1;
        let row = wire::claimed_row(request.session, nonce, position, epoch, request.at)?;
        set_status(&mut run.row.status, RunStatus::Running)?;
        run.row.epoch = epoch;
        run.row.owner = Some(request.session);
        let claim = Claim { owner: request.session, inbox_seen: run.row.inbox_head };
        self.claims.insert(run_id, claim);
        self.ready.remove(&run_id);
        self.changed.insert(run_id);
        self.insert_row(run_id, &row);
        Ok(self.runs.get(&run_id).map(|run| handed_over(run, now, nonce)))
    }
}

fn last_position(run: &Run) -> u64 {
    run.journal.last().map_or(0, |row| row.position)
}

fn handed_over(run: &Run, now: Timestamp, nonce: [u8; 16]) -> ClaimedRun {
    let from = run.row.checkpoint;
    let journal: Vec<JournalRow> =
        run.journal.iter().filter(|row| row.position >= from).cloned().collect();
    let unread = run.inbox.iter().filter(|message| message.position > run.inbox_read);
    ClaimedRun {
        run: run.row.clone(),
        position: last_position(run),
        nonce,
        journal,
        inbox: unread.cloned().collect(),
        reads_only_for: run.row.reads_only_for(now),
    }
}

/// Changes a status, if the state machine has that change.
pub(super) fn set_status(status: &mut RunStatus, next: RunStatus) -> Result<(), StoreError> {
    if !status.may_become(next) {
        return Err(StoreError::Illegal(format!("{} to {}", status.as_str(), next.as_str())));
    }
    *status = next;
    Ok(())
}
