//! Worker sessions: leases, revocation, takeover.

use mainstay_core::{
    id::{RunId, SessionId},
    run::RunStatus,
    store::{
        StoreError,
        operation::{Beat, BeatRequest, Death, OpenSession, TakeOver},
        row::SessionRow,
    },
    time::Timestamp,
};

use super::{Model, Session};
use crate::sound;

impl Model {
    /// Opens a session; the same one again changes nothing. Returns the end of its lease.
    pub(super) fn open_session(
        &mut self,
        now: Timestamp,
        open: &OpenSession,
    ) -> Result<Timestamp, StoreError> {
        sound::session(open)?;
        let session = self.sessions.entry(open.session).or_insert_with(|| Session {
            name: open.name.clone(),
            lanes: open.lanes.clone(),
            proof: open.proof.clone(),
            expires_at: now.after(open.lease),
            revoked: false,
            draining: false,
        });
        Ok(session.expires_at)
    }

    /// Extends a lease that still holds; one that does not is over for good.
    pub(super) fn beat(&mut self, now: Timestamp, beat: &BeatRequest) -> Beat {
        let alive = |session: &&mut Session| !session.revoked && session.expires_at > now;
        let Some(session) = self.sessions.get_mut(&beat.session).filter(alive) else {
            return Beat::Lost;
        };
        session.expires_at = now.after(beat.lease);
        session.draining = beat.draining;
        let mine = self.claims.iter().filter(|(_, claim)| claim.owner == beat.session);
        let moved = mine.filter_map(|(run_id, claim)| {
            let head = self.runs.get(run_id)?.row.inbox_head;
            (head > claim.inbox_seen).then_some((*run_id, head))
        });
        Beat::Alive { now, moved: moved.collect() }
    }

    /// Revokes a session. Returns the end of its lease, which no beat can move any more.
    pub(super) fn revoke(&mut self, id: SessionId) -> Option<Timestamp> {
        let session = self.sessions.get_mut(&id)?;
        session.revoked = true;
        Some(session.expires_at)
    }

    /// Ends a session that goes in good order.
    pub(super) fn close_session(&mut self, id: SessionId) -> u64 {
        self.queue_runs_of(id, 0, None)
    }

    /// Ends a revoked session in its place; its runs have crashed once more.
    pub(super) fn take_over(&mut self, now: Timestamp, takeover: TakeOver) -> u64 {
        let revoked = |session: &&Session| session.revoked;
        let Some(session) = self.sessions.get(&takeover.session).filter(revoked) else { return 0 };
        let early = takeover.death == Death::Presumed && now < session.expires_at;
        let reads_only = early.then_some(session.expires_at);
        self.queue_runs_of(takeover.session, 1, reads_only)
    }

    fn queue_runs_of(&mut self, id: SessionId, crash: u32, reads_only: Option<Timestamp>) -> u64 {
        let mine = self.claims.iter().filter(|(_, claim)| claim.owner == id);
        let mine: Vec<RunId> = mine.map(|(run_id, _)| *run_id).collect();
        for run_id in &mine {
            if let Some(run) = self.runs.get_mut(run_id) {
                run.row.status = RunStatus::Queued;
                run.row.owner = None;
                run.row.crashes += crash;
                // An earlier owner's lease may end later than this one's.
                run.row.reads_only_until = run.row.reads_only_until.max(reads_only);
            }
            self.claims.remove(run_id);
            self.enqueue(*run_id);
        }
        self.sessions.remove(&id);
        mine.len() as u64
    }

    /// Returns every session that is not closed.
    pub(super) fn session_rows(&self, now: Timestamp) -> Vec<SessionRow> {
        let runs = |id| self.claims.values().filter(|claim| claim.owner == id).count() as u64;
        let rows = self.sessions.iter().map(|(id, session)| SessionRow {
            session: *id,
            name: session.name.clone(),
            overdue: now.since(session.expires_at),
            left: session.expires_at.since(now),
            revoked: session.revoked,
            draining: session.draining,
            lock_free: false,
            proof: session.proof.clone(),
            runs: runs(*id),
            lanes: session.lanes.clone(),
        });
        rows.collect()
    }
}
