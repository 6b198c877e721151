//! Worker sessions: leases by the store's clock, revocation, takeover.
//!
//! Beside its lease each session holds an advisory lock on its control connection. Postgres frees
//! it the moment the process dies, so that others need not wait for the lease. The lock is an
//! accelerator and never the fence. It says nothing where beats come through several server
//! processes, as behind a transaction pooler, and nothing just after the server's own start, when
//! nobody has had the time to take it again: there the lease alone decides.

use std::time::Duration;

use mainstay_core::{
    digest::Digest,
    id::{RunId, SessionId},
    store::{
        operation::{Beat, BeatRequest, Death, OpenSession, TakeOver},
        row::SessionRow,
    },
    time::Timestamp,
};
use sqlx::{Connection, PgConnection, Row, postgres::PgRow};

use super::{connect::finish, failure::Failed, shared::Shared};
use crate::{sound, wire};

/// Opens a session; the same one again changes nothing. Returns the end of its lease.
pub(super) async fn open_session(
    sql: &mut PgConnection,
    shared: &Shared,
    session: &OpenSession,
) -> Result<Timestamp, Failed> {
    sound::session(session)?;
    let proof = session.proof.as_ref().map(wire::json).transpose()?;
    sqlx::query(
        "INSERT INTO mainstay.workers
             (session_id, name, lanes, proof, lock_key, heartbeat_at, expires_at)
         SELECT $1, $2, $3, $4, $5, now, now + $6 FROM mainstay.clock($7) AS now
         ON CONFLICT DO NOTHING",
    )
    .bind(session.session.uuid())
    .bind(session.name.as_str())
    .bind(wire::json(&session.lanes)?)
    .bind(proof)
    .bind(lock_key(session.session))
    .bind(micros(session.lease))
    .bind(shared.simulated())
    .execute(&mut *sql)
    .await?;
    let end = lease_end(sql, session.session).await?;
    end.ok_or_else(|| Failed::Lost("the session was closed as it was opened".to_owned()))
}

/// Takes the session's lock on this connection. Without it nothing is lost but time.
/// Returns whether it was had.
pub(super) async fn lock(sql: &mut PgConnection, session: SessionId) -> Result<bool, Failed> {
    let held: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(lock_key(session))
        .fetch_one(&mut *sql)
        .await?;
    if !held {
        tracing::warn!(%session, "another connection holds this session's lock");
        return Ok(false);
    }
    let note = "UPDATE mainstay.workers SET lock_pid = pg_backend_pid() WHERE session_id = $1";
    sqlx::query(note).bind(session.uuid()).execute(sql).await?;
    Ok(true)
}

/// So long after the server's start a free lock says nothing: those who held one before come back
/// with their next beat.
const SETTLING: Duration = Duration::from_secs(10);

fn lock_key(session: SessionId) -> i64 {
    let digest = Digest::of_parts([b"mainstay.session".as_slice(), session.uuid().as_bytes()]);
    let (head, _) = digest.as_bytes().split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    i64::from_le_bytes(*head)
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

async fn lease_end(
    sql: &mut PgConnection,
    session: SessionId,
) -> Result<Option<Timestamp>, Failed> {
    let find = sqlx::query_scalar("SELECT expires_at FROM mainstay.workers WHERE session_id = $1");
    let end: Option<i64> = find.bind(session.uuid()).fetch_optional(sql).await?;
    Ok(end.map(Timestamp::from_micros))
}

/// Extends a lease that still holds; one that does not is over for good.
pub(super) async fn beat(
    sql: &mut PgConnection,
    shared: &Shared,
    beat: &BeatRequest,
) -> Result<Beat, Failed> {
    let now: Option<i64> = sqlx::query_scalar(
        "UPDATE mainstay.workers SET heartbeat_at = now, expires_at = now + $2, draining = $3,
             lock_pid = CASE WHEN lock_pid = pg_backend_pid() THEN lock_pid END
         FROM mainstay.clock($4) AS now
         WHERE session_id = $1 AND NOT revoked AND expires_at > now RETURNING heartbeat_at",
    )
    .bind(beat.session.uuid())
    .bind(micros(beat.lease))
    .bind(beat.draining)
    .bind(shared.simulated())
    .fetch_optional(&mut *sql)
    .await?;
    let Some(now) = now else { return Ok(Beat::Lost) };
    let moved = moved(sql, beat.session).await?;
    Ok(Beat::Alive { now: Timestamp::from_micros(now), moved })
}

async fn moved(sql: &mut PgConnection, session: SessionId) -> Result<Vec<(RunId, u64)>, Failed> {
    let rows = sqlx::query(
        "SELECT c.run_id, r.inbox_head FROM mainstay.claims c CROSS JOIN LATERAL (
             SELECT inbox_head FROM mainstay.runs WHERE run_id = c.run_id LIMIT 1) r
         WHERE c.owner = $1 AND r.inbox_head > c.inbox_seen ORDER BY c.run_id",
    )
    .bind(session.uuid())
    .fetch_all(sql)
    .await?;
    let moved =
        |row: &PgRow| Ok((RunId::from_uuid(row.try_get(0)?), wire::count(row.try_get(1)?)?));
    rows.iter().map(moved).collect()
}

/// Revokes a session. Returns the end of its lease, which no beat can move any more.
///
/// `FOR UPDATE` waits for claims in flight, which hold the row for share: a claim that comes after
/// this sees the revocation, and one that came before is seen by the takeover.
pub(super) async fn revoke(
    sql: &mut PgConnection,
    session: SessionId,
) -> Result<Option<Timestamp>, Failed> {
    let end: Option<i64> = sqlx::query_scalar(
        "WITH held AS MATERIALIZED (
             SELECT session_id FROM mainstay.workers WHERE session_id = $1 FOR UPDATE)
         UPDATE mainstay.workers w SET revoked = true FROM held
         WHERE w.session_id = held.session_id RETURNING w.expires_at",
    )
    .bind(session.uuid())
    .fetch_optional(sql)
    .await?;
    Ok(end.map(Timestamp::from_micros))
}

/// Ends a session that goes in good order.
pub(super) async fn close_session(
    sql: &mut PgConnection,
    shared: &Shared,
    session: SessionId,
) -> Result<u64, Failed> {
    Ok(end(sql, shared, session, None).await?.len() as u64)
}

/// Ends a revoked session in its place; its runs have crashed once more.
pub(super) async fn take_over(
    sql: &mut PgConnection,
    shared: &Shared,
    TakeOver { session, death }: TakeOver,
) -> Result<u64, Failed> {
    let queued = end(sql, shared, session, Some(death)).await?;
    queued.iter().for_each(|run_id| shared.note_crashes(*run_id, 1));
    Ok(queued.len() as u64)
}

/// The session's row goes first: whoever removes it is the one who queues its runs again, and no
/// claim can come in between.
async fn end(
    sql: &mut PgConnection,
    shared: &Shared,
    session: SessionId,
    death: Option<Death>,
) -> Result<Vec<RunId>, Failed> {
    let mut transaction = sql.begin().await?;
    let queued = end_within(&mut transaction, shared, session, death).await;
    finish(transaction, queued.is_ok()).await?;
    queued
}

async fn end_within(
    sql: &mut PgConnection,
    shared: &Shared,
    session: SessionId,
    death: Option<Death>,
) -> Result<Vec<RunId>, Failed> {
    let closed: Option<Option<i64>> = sqlx::query_scalar(
        "DELETE FROM mainstay.workers WHERE session_id = $1 AND (revoked OR NOT $2)
         RETURNING CASE WHEN $3 AND expires_at > mainstay.clock($4) THEN expires_at END",
    )
    .bind(session.uuid())
    .bind(death.is_some())
    .bind(death == Some(Death::Presumed))
    .bind(shared.simulated())
    .fetch_optional(&mut *sql)
    .await?;
    let Some(reads_only_until) = closed else { return Ok(Vec::new()) };
    let queue = sqlx::query_scalar(QUEUE_AGAIN)
        .bind(session.uuid())
        .bind(i32::from(death.is_some()))
        .bind(reads_only_until);
    Ok(queue.fetch_all(sql).await?.into_iter().map(RunId::from_uuid).collect())
}

/// Runs are locked in ascending order, as by every statement that locks several. `greatest` passes
/// over NULLs: an earlier owner's lease may end later than this one's.
const QUEUE_AGAIN: &str = "
WITH owned AS MATERIALIZED (
    SELECT run_id FROM mainstay.claims WHERE owner = $1 ORDER BY run_id),
locked AS MATERIALIZED (
    SELECT r.* FROM owned o CROSS JOIN LATERAL (
        SELECT run_id, lane, priority, tenant, owner, epoch FROM mainstay.runs
        WHERE run_id = o.run_id AND status = 'running' FOR UPDATE) r),
freed AS (
    UPDATE mainstay.runs r SET status = 'queued', owner = NULL, crashes = r.crashes + $2,
        reads_only_until = greatest(r.reads_only_until, $3)
    FROM locked l
    WHERE r.run_id = l.run_id AND l.owner = $1
      AND r.run_id = ANY(ARRAY(SELECT run_id FROM locked WHERE owner = $1))
    RETURNING r.run_id, r.lane, r.priority, r.tenant),
queued AS (
    INSERT INTO mainstay.ready (run_id, lane, priority, tenant)
    SELECT run_id, lane, priority, tenant FROM freed ORDER BY run_id ON CONFLICT DO NOTHING),
noted AS (INSERT INTO mainstay.run_changes (run_id) SELECT run_id FROM freed),
unclaimed AS (DELETE FROM mainstay.claims WHERE owner = $1)
SELECT run_id FROM freed";

/// Returns every session that is not closed.
pub(super) async fn sessions(
    sql: &mut PgConnection,
    shared: &Shared,
) -> Result<Vec<SessionRow>, Failed> {
    let rows = sqlx::query(
        "SELECT w.*, mainstay.clock($1) AS now,
                (SELECT count(*) FROM mainstay.claims WHERE owner = w.session_id) AS runs,
                w.lock_pid IS NOT NULL AND mainstay.clock(NULL) - $2 > (
                    extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
                AND NOT EXISTS (
                    SELECT FROM pg_locks l
                    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                      AND l.database = (SELECT oid FROM pg_database
                                        WHERE datname = current_database())
                      AND l.classid = ((w.lock_key >> 32) & 4294967295)::oid
                      AND l.objid = (w.lock_key & 4294967295)::oid) AS lock_free
         FROM mainstay.workers w ORDER BY w.session_id",
    )
    .bind(shared.simulated())
    .bind(micros(SETTLING))
    .fetch_all(sql)
    .await?;
    rows.iter().map(session_row).collect()
}

fn session_row(row: &PgRow) -> Result<SessionRow, Failed> {
    let now = Timestamp::from_micros(row.try_get("now")?);
    let expires_at = Timestamp::from_micros(row.try_get("expires_at")?);
    let proof: Option<&str> = row.try_get("proof")?;
    Ok(SessionRow {
        session: SessionId::from_uuid(row.try_get("session_id")?),
        name: row.try_get("name")?,
        overdue: now.since(expires_at),
        left: expires_at.since(now),
        revoked: row.try_get("revoked")?,
        draining: row.try_get("draining")?,
        lock_free: row.try_get("lock_free")?,
        proof: proof.map(wire::read_json).transpose()?,
        runs: wire::count(row.try_get("runs")?)?,
        lanes: wire::read_json(row.try_get("lanes")?)?,
    })
}
