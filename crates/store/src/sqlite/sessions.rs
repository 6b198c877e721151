//! Worker sessions: leases, revocation, takeover.

use mainstay_core::{
    id::{RunId, SessionId},
    store::{
        StoreError,
        operation::{Beat, BeatRequest, Death, OpenSession, TakeOver},
        row::SessionRow,
    },
    time::Timestamp,
};
use sqlx::sqlite::SqliteRow;

use super::{
    runs::run_id,
    scope::{Blob, Scope, column},
};
use crate::{sound, wire};

impl Scope<'_> {
    /// Opens a session; the same one again changes nothing. Returns the end of its lease.
    pub(super) async fn open_session(
        &mut self,
        session: &OpenSession,
    ) -> Result<Timestamp, StoreError> {
        sound::session(session)?;
        let add = "INSERT OR IGNORE INTO mainstay_sessions
                       (session_id, name, expires_at, proof, lanes) VALUES (?, ?, ?, ?, ?)";
        let proof = session.proof.as_ref().map(wire::json).transpose()?;
        let add = sqlx::query(add)
            .bind(session.session.blob())
            .bind(&session.name)
            .bind(self.now.after(session.lease).micros())
            .bind(proof)
            .bind(wire::json(&session.lanes)?);
        self.change(add).await?;
        let end = self.lease_end(session.session).await?;
        Ok(end.unwrap_or_else(|| self.now.after(session.lease)))
    }

    async fn lease_end(&mut self, session: SessionId) -> Result<Option<Timestamp>, StoreError> {
        let find = sqlx::query("SELECT expires_at FROM mainstay_sessions WHERE session_id = ?");
        let row = self.row(find.bind(session.blob())).await?;
        row.map(|row| column(&row, "expires_at").map(Timestamp::from_micros)).transpose()
    }

    /// Extends a lease that still holds; one that does not is over for good.
    pub(super) async fn beat(&mut self, beat: &BeatRequest) -> Result<Beat, StoreError> {
        let set = "UPDATE mainstay_sessions SET expires_at = ?, draining = ?
                   WHERE session_id = ? AND NOT revoked AND expires_at > ?";
        let set = sqlx::query(set)
            .bind(self.now.after(beat.lease).micros())
            .bind(beat.draining)
            .bind(beat.session.blob())
            .bind(self.now.micros());
        if self.change(set).await? == 0 {
            return Ok(Beat::Lost);
        }
        Ok(Beat::Alive { now: self.now, moved: self.moved(beat.session).await? })
    }

    async fn moved(&mut self, session: SessionId) -> Result<Vec<(RunId, u64)>, StoreError> {
        let find = "SELECT c.run_id, r.inbox_head FROM mainstay_claims c
                    JOIN mainstay_runs r USING (run_id)
                    WHERE c.owner = ? AND r.inbox_head > c.inbox_seen ORDER BY c.run_id";
        let rows = self.rows(sqlx::query(find).bind(session.blob())).await?;
        let moved = |row| Ok((run_id(row)?, wire::count(column(row, "inbox_head")?)?));
        rows.iter().map(moved).collect()
    }

    /// Revokes a session. Returns the end of its lease, which no beat can move any more.
    pub(super) async fn revoke(
        &mut self,
        session: SessionId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let set = sqlx::query("UPDATE mainstay_sessions SET revoked = 1 WHERE session_id = ?");
        self.change(set.bind(session.blob())).await?;
        self.lease_end(session).await
    }

    /// Ends a session that goes in good order.
    pub(super) async fn close_session(&mut self, session: SessionId) -> Result<u64, StoreError> {
        self.queue_runs_of(session, 0, None).await
    }

    /// Ends a revoked session in its place; its runs have crashed once more.
    pub(super) async fn take_over(&mut self, takeover: TakeOver) -> Result<u64, StoreError> {
        let TakeOver { session, death } = takeover;
        let find = "SELECT expires_at FROM mainstay_sessions WHERE session_id = ? AND revoked";
        let Some(row) = self.row(sqlx::query(find).bind(session.blob())).await? else {
            return Ok(0);
        };
        let expires_at: i64 = column(&row, "expires_at")?;
        let early = death == Death::Presumed && self.now.micros() < expires_at;
        self.queue_runs_of(session, 1, early.then_some(expires_at)).await
    }

    async fn queue_runs_of(
        &mut self,
        session: SessionId,
        crash: i64,
        reads_only: Option<i64>,
    ) -> Result<u64, StoreError> {
        let find = "SELECT run_id FROM mainstay_claims WHERE owner = ? ORDER BY run_id";
        // An earlier owner's lease may end later than this one's.
        let set =
            "UPDATE mainstay_runs SET status = 'queued', owner = NULL, crashes = crashes + ?1,
                       reads_only_until = nullif(
                           max(coalesce(reads_only_until, 0), coalesce(?4, 0)), 0)
                   WHERE run_id = ?2 AND owner = ?3";
        let mut queued = 0;
        for row in self.rows(sqlx::query(find).bind(session.blob())).await? {
            let run_id = run_id(&row)?;
            let set = sqlx::query(set).bind(crash).bind(run_id.blob()).bind(session.blob());
            let set = set.bind(reads_only);
            if self.change(set).await? == 1 {
                self.enqueue(run_id).await?;
                queued += 1;
            }
        }
        let claims = sqlx::query("DELETE FROM mainstay_claims WHERE owner = ?");
        self.change(claims.bind(session.blob())).await?;
        let row = sqlx::query("DELETE FROM mainstay_sessions WHERE session_id = ?");
        self.change(row.bind(session.blob())).await?;
        Ok(queued)
    }

    /// Returns every session that is not closed.
    pub(super) async fn sessions(&mut self) -> Result<Vec<SessionRow>, StoreError> {
        let all = "SELECT s.*,
                       (SELECT count(*) FROM mainstay_claims WHERE owner = s.session_id) AS runs
                   FROM mainstay_sessions s ORDER BY session_id";
        let rows = self.rows(sqlx::query(all)).await?;
        rows.iter().map(|row| session_row(row, self.now)).collect()
    }
}

fn session_row(row: &SqliteRow, now: Timestamp) -> Result<SessionRow, StoreError> {
    let expires_at = Timestamp::from_micros(column(row, "expires_at")?);
    let proof: Option<&str> = column(row, "proof")?;
    Ok(SessionRow {
        session: SessionId::from_uuid(wire::uuid(column(row, "session_id")?)?),
        name: column(row, "name")?,
        overdue: now.since(expires_at),
        left: expires_at.since(now),
        revoked: column(row, "revoked")?,
        draining: column(row, "draining")?,
        // There is no control connection; the lock file is the proof of death here.
        lock_free: false,
        proof: proof.map(wire::read_json).transpose()?,
        runs: wire::count(column(row, "runs")?)?,
        lanes: wire::read_json(column(row, "lanes")?)?,
    })
}
