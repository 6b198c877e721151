//! Giving queued runs to a session: one statement looks, one decides and reads.
//!
//! The look finds who stands first in the queue, and with them the week whose tables the decision
//! names ([`Home`]). Rows of `runs` are locked with `SKIP LOCKED`, so two claimers never wait for
//! each other. What a run's latest row says counts, not its place in the queue: a place that is out
//! of date is removed. The journal's primary key is the last judge, as it is of every append; a
//! journal that the decision read is therefore whole, or the run was not claimed.

mod look;

use mainstay_core::{
    id::RunId,
    journal::{JournalRow, claim_link},
    store::{
        operation::{ClaimRequest, ClaimedRun, InboxRequest},
        row::InboxRow,
    },
    time::Timestamp,
};
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{failure::Failed, home::Home, read, shared::Shared};
use crate::{payload, wire};

/// Journal and inbox come in rows of their own, after the columns of their run.
const CLAIM: &str = "
WITH me AS MATERIALIZED (
    SELECT session_id FROM mainstay.workers
    WHERE session_id = $1 AND NOT revoked AND NOT draining AND expires_at > mainstay.clock($2)
    FOR KEY SHARE),
locked AS MATERIALIZED (
    SELECT q.place, r.* FROM unnest($3::uuid[]) WITH ORDINALITY AS q(run_id, place)
    CROSS JOIN LATERAL (
        SELECT run_id, tenant, epoch, crashes, inbox_head,
               status = 'queued' AND owner IS NULL AS free, lane = ANY($4) AS ours
        FROM {runs} WHERE run_id = q.run_id FOR UPDATE SKIP LOCKED) r
    WHERE EXISTS (SELECT FROM me) LIMIT $5),
ranked AS MATERIALIZED (
    SELECT *, first_value(crashes) OVER (ORDER BY place) AS first_crashes,
           row_number() OVER (ORDER BY place) AS rank
    FROM locked WHERE free AND ours),
chosen AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY rank) AS n FROM ranked
    WHERE rank = 1 OR (first_crashes < $6 AND crashes < $6)),
claimed AS (
    INSERT INTO {journal} (run_id, position, epoch, at, tenant, kind, prev, link, body)
    SELECT c.run_id, h.position + 1, c.epoch + 1, $7, c.tenant, 'claimed',
           decode(repeat('00', 32), 'hex'), k.link, k.body
    FROM chosen c
    JOIN unnest($8::bytea[], $9::bytea[]) WITH ORDINALITY AS k(link, body, n) USING (n)
    CROSS JOIN LATERAL (
        SELECT position FROM {journal} WHERE run_id = c.run_id
        ORDER BY position DESC LIMIT 1) h
    ORDER BY c.run_id ON CONFLICT DO NOTHING RETURNING run_id, position, link),
owned AS (
    UPDATE {runs} r SET status = 'running', owner = $1, epoch = r.epoch + 1, wait = NULL
    FROM claimed d WHERE r.run_id = d.run_id AND r.run_id = ANY(ARRAY(SELECT run_id FROM claimed))
    RETURNING r.*, d.position AS claim, d.link AS claim_link),
noted_claims AS (
    INSERT INTO mainstay.claims (run_id, owner, inbox_seen, tenant)
    SELECT run_id, $1, inbox_head, tenant FROM owned
    ON CONFLICT (run_id) DO UPDATE SET owner = excluded.owner, inbox_seen = excluded.inbox_seen),
unqueued AS (
    DELETE FROM mainstay.ready WHERE run_id = ANY(ARRAY(
        SELECT run_id FROM claimed UNION ALL SELECT run_id FROM locked WHERE NOT free))),
noted AS (INSERT INTO mainstay.run_changes (run_id) SELECT run_id FROM owned)
SELECT o.*, o.status::text AS status_word, l.flow, l.version, l.definition,
       mainstay.clock($2) AS now, x.*
FROM owned o JOIN mainstay.lanes l USING (lane) JOIN chosen c USING (run_id)
LEFT JOIN LATERAL ({told}) x ON true
ORDER BY c.rank, x.message IS NOT NULL, x.position";

/// What a claimed run is told: its journal from the checkpoint, then what it has not read.
const TOLD: &str = "
    SELECT position, epoch AS row_epoch, at, kind, prev, link, body, inline, NULL AS message
    FROM {journal} WHERE run_id = o.run_id AND position >= o.checkpoint
    UNION ALL
    SELECT position, NULL, NULL, key, NULL, NULL, NULL, payloads, body
    FROM mainstay.inbox WHERE run_id = o.run_id AND position > o.inbox_read";

const RECOVER: &str = "
SELECT o.*, o.status::text AS status_word, l.flow, l.version, l.definition,
       mainstay.clock($3) AS now, x.*
FROM mainstay.claims c
CROSS JOIN LATERAL (
    SELECT position AS claim, link AS claim_link FROM mainstay.journal WHERE run_id = c.run_id
    ORDER BY position DESC LIMIT 1) j
CROSS JOIN LATERAL (
    SELECT r.*, j.claim, j.claim_link FROM mainstay.runs r WHERE run_id = c.run_id LIMIT 1) o
JOIN mainstay.lanes l ON l.lane = o.lane
LEFT JOIN LATERAL ({told}) x ON true
WHERE c.owner = $1 AND o.claim_link = ANY($2)
ORDER BY o.run_id, x.message IS NOT NULL, x.position";

/// Claims up to one run per nonce. A run that has crashed its workers is claimed alone.
pub(super) async fn claim(
    sql: &mut PgConnection,
    shared: &Shared,
    request: &ClaimRequest,
) -> Result<Vec<ClaimedRun>, Failed> {
    if request.nonces.is_empty() {
        return Ok(Vec::new());
    }
    let mut lanes = Vec::with_capacity(request.lanes.len());
    for flow in &request.lanes {
        lanes.push(shared.lane(sql, flow).await?);
    }
    lanes.sort_unstable();
    lanes.dedup();
    let first = match request.only {
        Some(run_id) => look::for_one(sql, run_id, &lanes).await?,
        None => look::look(sql, shared, request.nonces.len(), &lanes).await?,
    };
    if first.is_empty() {
        return Ok(Vec::new());
    }
    let rows = take(sql, shared, request, (&lanes, &first)).await?;
    let mut claims = read_claims(&rows, request)?;
    for claim in claims.iter_mut().filter(|claim| claim.lacks_mail()) {
        let (run_id, after) = (claim.run.run.run_id, claim.inbox_read);
        claim.run.inbox = read::inbox(sql, InboxRequest { run_id, after }).await?;
    }
    Ok(hand_over(shared, claims))
}

async fn take(
    sql: &mut PgConnection,
    shared: &Shared,
    request: &ClaimRequest,
    (lanes, first): (&[i32], &[Uuid]),
) -> Result<Vec<PgRow>, Failed> {
    let row = |nonce: &_| wire::claimed_row(request.session, *nonce, 0, 0, request.at);
    let rows = request.nonces.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    loop {
        let home = Home::of(sql, shared, first.iter().copied().map(RunId::from_uuid)).await?;
        let taken = sqlx::query(AssertSqlSafe(text(CLAIM, home)))
            .bind(request.session.uuid())
            .bind(shared.simulated())
            .bind(first)
            .bind(lanes)
            .bind(i64::try_from(rows.len()).unwrap_or(i64::MAX))
            .bind(i32::try_from(wire::ALONE_FROM).unwrap_or(i32::MAX))
            .bind(request.at.micros())
            .bind(rows.iter().map(|row| *row.link.as_bytes()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.body.as_slice()).collect::<Vec<_>>())
            .fetch_all(&mut *sql)
            .await
            .map_err(Failed::from);
        match taken {
            Err(Failed::NoSchema) if home.is_out_of_date(shared) => {}
            done => return done,
        }
    }
}

fn text(statement: &str, home: Home) -> String {
    home.name_tables(&statement.replace("{told}", TOLD))
}

/// Finds what an earlier try of this very request claimed before its answer was lost: without it,
/// those runs would be held by a session that does not know of them.
pub(super) async fn recover(
    sql: &mut PgConnection,
    shared: &Shared,
    request: &ClaimRequest,
) -> Result<Vec<ClaimedRun>, Failed> {
    let links = request.nonces.iter().map(|nonce| *claim_link(*nonce).as_bytes());
    let rows = sqlx::query(AssertSqlSafe(text(RECOVER, Home::Anywhere)))
        .bind(request.session.uuid())
        .bind(links.collect::<Vec<_>>())
        .bind(shared.simulated())
        .fetch_all(sql)
        .await?;
    Ok(hand_over(shared, read_claims(&rows, request)?))
}

fn hand_over(shared: &Shared, claims: Vec<Claim>) -> Vec<ClaimedRun> {
    let noted = claims.into_iter().map(|claim| claim.run).inspect(|claimed| {
        shared.note_crashes(claimed.run.run_id, claimed.run.crashes);
    });
    noted.collect()
}

/// A run that is the session's now.
struct Claim {
    run: ClaimedRun,
    inbox_read: u64,
}

impl Claim {
    /// Returns whether a message came between the statement's view and its locks.
    fn lacks_mail(&self) -> bool {
        let told = self.run.inbox.last().map_or(self.inbox_read, |row| row.position);
        told < self.run.run.inbox_head
    }
}

/// Reads runs from rows that stand together, one for each that they are told.
fn read_claims(rows: &[PgRow], request: &ClaimRequest) -> Result<Vec<Claim>, Failed> {
    let mut claims: Vec<Claim> = Vec::new();
    for row in rows {
        let run_id = RunId::from_uuid(row.try_get("run_id")?);
        if claims.last().is_none_or(|last| last.run.run.run_id != run_id) {
            claims.push(claim_of(row)?);
        }
        if let Some(claim) = claims.last_mut() {
            tell(&mut claim.run, row)?;
        }
    }
    for Claim { run, .. } in &mut claims {
        // The decision does not see what it writes.
        if run.journal.last().is_none_or(|last| last.position < run.position) {
            let (position, epoch) = (run.position, run.run.epoch);
            let own = wire::claimed_row(request.session, run.nonce, position, epoch, request.at)?;
            run.journal.push(own);
        }
    }
    Ok(claims)
}

fn claim_of(row: &PgRow) -> Result<Claim, Failed> {
    let link = wire::digest(row.try_get("claim_link")?)?;
    let (nonce, _) = link.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    let run = read::run_row(row)?;
    let claimed = ClaimedRun {
        reads_only_for: run.reads_only_for(Timestamp::from_micros(row.try_get("now")?)),
        run,
        position: wire::count(row.try_get("claim")?)?,
        nonce: *nonce,
        journal: Vec::new(),
        inbox: Vec::new(),
    };
    Ok(Claim { run: claimed, inbox_read: wire::count(row.try_get("inbox_read")?)? })
}

fn tell(claimed: &mut ClaimedRun, row: &PgRow) -> Result<(), Failed> {
    let Some(position) = row.try_get("position")? else { return Ok(()) };
    let (position, payloads) = (wire::count(position)?, payload::decode(row.try_get("inline")?)?);
    let kind: String = row.try_get("kind")?;
    if let Some(body) = row.try_get("message")? {
        let body = wire::read_json(body)?;
        claimed.inbox.push(InboxRow { position, key: kind, body, payloads });
    } else {
        let row = JournalRow {
            position,
            epoch: wire::count(row.try_get("row_epoch")?)?,
            prev: wire::digest(row.try_get("prev")?)?,
            link: wire::digest(row.try_get("link")?)?,
            kind,
            at: Timestamp::from_micros(row.try_get("at")?),
            body: row.try_get("body")?,
            payloads,
        };
        claimed.journal.push(row);
    }
    Ok(())
}
