//! Giving queued runs to a session: one statement decides, two more read.
//!
//! Rows of `runs` are locked with `SKIP LOCKED`, so two claimers never wait for each other. What
//! a run's latest row says counts, not the place in the queue: a place that is out of date is
//! removed. The journal's primary key is the last judge, as it is of every append.

use std::{collections::HashMap, time::Duration};

use mainstay_core::{
    id::RunId,
    journal::{JournalRow, Position, claim_link},
    store::{
        operation::{ClaimRequest, ClaimedRun},
        row::{InboxRow, RunRow},
    },
    time::Timestamp,
};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{failure::Failed, read, shared::Shared};
use crate::wire;

const CLAIM: &str = "
WITH me AS MATERIALIZED (
    SELECT session_id FROM mainstay.workers
    WHERE session_id = $1 AND NOT revoked AND NOT draining AND expires_at > mainstay.clock($2)
    FOR KEY SHARE),
queue AS MATERIALIZED (
    SELECT q.* FROM unnest($3::int[]) AS l(lane) CROSS JOIN LATERAL (
        SELECT run_id, priority, pass FROM mainstay.ready
        WHERE lane = l.lane AND ($9::uuid IS NULL OR run_id = $9)
        ORDER BY priority, pass LIMIT $4 * 4 + 64) q
    WHERE EXISTS (SELECT FROM me) ORDER BY q.priority, q.pass),
locked AS MATERIALIZED (
    SELECT q.pass, r.* FROM queue q CROSS JOIN LATERAL (
        SELECT run_id, tenant, epoch, crashes, priority, inbox_head,
               status = 'queued' AND owner IS NULL AS free
        FROM mainstay.runs WHERE run_id = q.run_id FOR UPDATE SKIP LOCKED) r
    LIMIT $4),
ranked AS MATERIALIZED (
    SELECT *, first_value(crashes) OVER (ORDER BY priority, pass) AS first_crashes,
           row_number() OVER (ORDER BY priority, pass) AS rank
    FROM locked WHERE free),
chosen AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY rank) AS n FROM ranked
    WHERE rank = 1 OR (first_crashes < $5 AND crashes < $5)),
claimed AS (
    INSERT INTO mainstay.journal (run_id, position, epoch, at, tenant, kind, prev, link, body)
    SELECT c.run_id, h.position + 1, c.epoch + 1, $6, c.tenant, 'claimed',
           decode(repeat('00', 32), 'hex'), k.link, k.body
    FROM chosen c
    JOIN unnest($7::bytea[], $8::bytea[]) WITH ORDINALITY AS k(link, body, n) USING (n)
    CROSS JOIN LATERAL (
        SELECT position FROM mainstay.journal WHERE run_id = c.run_id
        ORDER BY position DESC LIMIT 1) h
    ORDER BY c.run_id ON CONFLICT DO NOTHING RETURNING run_id, position, link),
owned AS (
    UPDATE mainstay.runs r SET status = 'running', owner = $1, epoch = r.epoch + 1, wait = NULL
    FROM claimed d WHERE r.run_id = d.run_id AND r.run_id = ANY(ARRAY(SELECT run_id FROM claimed))
    RETURNING r.*, d.position, d.link),
noted_claims AS (
    INSERT INTO mainstay.claims (run_id, owner, inbox_seen, tenant)
    SELECT run_id, $1, inbox_head, tenant FROM owned
    ON CONFLICT (run_id) DO UPDATE SET owner = excluded.owner, inbox_seen = excluded.inbox_seen),
unqueued AS (
    DELETE FROM mainstay.ready WHERE run_id = ANY(ARRAY(
        SELECT run_id FROM claimed UNION ALL SELECT run_id FROM locked WHERE NOT free))),
noted AS (INSERT INTO mainstay.run_changes (run_id) SELECT run_id FROM owned)
SELECT o.*, o.status::text AS status_word, l.flow, l.version, l.definition,
       mainstay.clock($2) AS now
FROM owned o JOIN mainstay.lanes l USING (lane) JOIN chosen c USING (run_id) ORDER BY c.rank";

/// Claims up to one run per nonce. A run that has crashed its workers is claimed alone.
pub(super) async fn claim(
    sql: &mut PgConnection,
    shared: &Shared,
    request: &ClaimRequest,
) -> Result<Vec<ClaimedRun>, Failed> {
    if request.nonces.is_empty() {
        return Ok(Vec::new());
    }
    let claims = take(sql, shared, request).await?;
    hand_over(sql, shared, claims).await
}

/// Finds what an earlier try of this very request claimed before its answer was lost: without it,
/// those runs would be held by a session that does not know of them.
pub(super) async fn recover(
    sql: &mut PgConnection,
    shared: &Shared,
    request: &ClaimRequest,
) -> Result<Vec<ClaimedRun>, Failed> {
    let links = request.nonces.iter().map(|nonce| *claim_link(*nonce).as_bytes());
    let rows = sqlx::query(RECOVER)
        .bind(request.session.uuid())
        .bind(links.collect::<Vec<_>>())
        .bind(shared.simulated())
        .fetch_all(&mut *sql)
        .await?;
    let claims = rows.iter().map(claim_of).collect::<Result<Vec<_>, _>>()?;
    hand_over(sql, shared, claims).await
}

const RECOVER: &str = "
SELECT r.*, r.status::text AS status_word, j.position, j.link, l.flow, l.version, l.definition,
       mainstay.clock($3) AS now
FROM mainstay.claims c
CROSS JOIN LATERAL (SELECT * FROM mainstay.runs WHERE run_id = c.run_id LIMIT 1) r
CROSS JOIN LATERAL (
    SELECT position, link FROM mainstay.journal WHERE run_id = c.run_id
    ORDER BY position DESC LIMIT 1) j
JOIN mainstay.lanes l ON l.lane = r.lane
WHERE c.owner = $1 AND j.link = ANY($2)";

async fn hand_over(
    sql: &mut PgConnection,
    shared: &Shared,
    claims: Vec<Claim>,
) -> Result<Vec<ClaimedRun>, Failed> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let mut journals = journals(sql, &claims).await?;
    let mut inboxes = inboxes(sql, &claims).await?;
    let claimed = claims.into_iter().map(|claim| {
        let run_id = claim.run.run_id;
        shared.note_crashes(run_id, claim.run.crashes);
        ClaimedRun {
            run: claim.run,
            position: claim.position,
            nonce: claim.nonce,
            journal: journals.remove(&run_id).unwrap_or_default(),
            inbox: inboxes.remove(&run_id).unwrap_or_default(),
            reads_only_for: claim.reads_only_for,
        }
    });
    Ok(claimed.collect())
}

/// A run that is the session's now, before its journal is read.
struct Claim {
    run: RunRow,
    position: Position,
    nonce: [u8; 16],
    inbox_read: i64,
    reads_only_for: Duration,
}

async fn take(
    sql: &mut PgConnection,
    shared: &Shared,
    request: &ClaimRequest,
) -> Result<Vec<Claim>, Failed> {
    let mut lanes = Vec::with_capacity(request.lanes.len());
    for flow in &request.lanes {
        lanes.push(shared.lane(sql, flow).await?);
    }
    lanes.sort_unstable();
    lanes.dedup();
    let row = |nonce| wire::claimed_row(request.session, nonce, 0, 0, request.at);
    let rows = request.nonces.iter().map(|nonce| row(*nonce)).collect::<Result<Vec<_>, _>>()?;
    let claimed = sqlx::query(CLAIM)
        .bind(request.session.uuid())
        .bind(shared.simulated())
        .bind(lanes)
        .bind(i64::try_from(rows.len()).unwrap_or(i64::MAX))
        .bind(i32::try_from(wire::ALONE_FROM).unwrap_or(i32::MAX))
        .bind(request.at.micros())
        .bind(rows.iter().map(|row| *row.link.as_bytes()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.body.as_slice()).collect::<Vec<_>>())
        .bind(request.only.map(RunId::uuid))
        .fetch_all(sql)
        .await?;
    claimed.iter().map(claim_of).collect()
}

fn claim_of(row: &PgRow) -> Result<Claim, Failed> {
    let link = wire::digest(row.try_get("link")?)?;
    let (nonce, _) = link.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    let run = read::run_row(row)?;
    Ok(Claim {
        reads_only_for: run.reads_only_for(Timestamp::from_micros(row.try_get("now")?)),
        run,
        position: wire::count(row.try_get("position")?)?,
        nonce: *nonce,
        inbox_read: row.try_get("inbox_read")?,
    })
}

async fn journals(
    sql: &mut PgConnection,
    claims: &[Claim],
) -> Result<HashMap<RunId, Vec<JournalRow>>, Failed> {
    let rows = sqlx::query(
        "SELECT j.* FROM unnest($1::uuid[], $2::bigint[]) AS c(run_id, start) CROSS JOIN LATERAL (
             SELECT run_id, position, epoch, prev, link, kind, at, body, inline
             FROM mainstay.journal WHERE run_id = c.run_id AND position >= c.start
             ORDER BY position) j",
    )
    .bind(claims.iter().map(|claim| claim.run.run_id.uuid()).collect::<Vec<_>>())
    .bind(claims.iter().map(|c| wire::int(c.run.checkpoint.max(1))).collect::<Vec<_>>())
    .fetch_all(sql)
    .await?;
    by_run(&rows, read::journal_row)
}

async fn inboxes(
    sql: &mut PgConnection,
    claims: &[Claim],
) -> Result<HashMap<RunId, Vec<InboxRow>>, Failed> {
    let told: Vec<&Claim> =
        claims.iter().filter(|c| wire::int(c.run.inbox_head) > c.inbox_read).collect();
    if told.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        "SELECT i.* FROM unnest($1::uuid[], $2::bigint[]) AS c(run_id, read) CROSS JOIN LATERAL (
             SELECT run_id, position, key, body, payloads
             FROM mainstay.inbox WHERE run_id = c.run_id AND position > c.read
             ORDER BY position) i",
    )
    .bind(told.iter().map(|claim| claim.run.run_id.uuid()).collect::<Vec<_>>())
    .bind(told.iter().map(|claim| claim.inbox_read).collect::<Vec<_>>())
    .fetch_all(sql)
    .await?;
    by_run(&rows, read::inbox_row)
}

fn by_run<T>(
    rows: &[PgRow],
    read: impl Fn(&PgRow) -> Result<T, Failed>,
) -> Result<HashMap<RunId, Vec<T>>, Failed> {
    let mut runs: HashMap<RunId, Vec<T>> = HashMap::new();
    for row in rows {
        let run_id = RunId::from_uuid(row.try_get("run_id")?);
        runs.entry(run_id).or_default().push(read(row)?);
    }
    Ok(runs)
}
