//! Rows as values: a run, its journal, its payloads, its inbox.

use std::collections::HashMap;

use mainstay_core::{
    digest::Digest,
    id::{RunId, SessionId},
    journal::{JournalRow, Position},
    payload::Payload,
    store::{
        operation::{InboxRequest, JournalRequest, PayloadRequest},
        row::{InboxRow, RunRow},
    },
    time::Timestamp,
};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{failure::Failed, rehome::home, shared::flow_version};
use crate::{payload, wire};

/// Reads a run from the columns of `runs`, its lane's, and its status as `status_word`.
pub(super) fn run_row(row: &PgRow) -> Result<RunRow, Failed> {
    let wait: Option<&str> = row.try_get("wait")?;
    let owner: Option<uuid::Uuid> = row.try_get("owner")?;
    let parent: Option<uuid::Uuid> = row.try_get("parent")?;
    Ok(RunRow {
        run_id: RunId::from_uuid(row.try_get("run_id")?),
        tenant: row.try_get("tenant")?,
        flow: flow_version(row)?,
        status: wire::status(row.try_get("status_word")?)?,
        wait: wait.map(wire::read_json).transpose()?,
        epoch: wire::count(row.try_get("epoch")?)?,
        owner: owner.map(SessionId::from_uuid),
        inbox_head: wire::count(row.try_get("inbox_head")?)?,
        checkpoint: wire::count(row.try_get("checkpoint")?)?,
        crashes: wire::small(row.try_get::<i32, _>("crashes")?.into())?,
        parent: parent.map(RunId::from_uuid),
        priority: row.try_get("priority")?,
        reads_only_until: row
            .try_get::<Option<i64>, _>("reads_only_until")?
            .map(Timestamp::from_micros),
    })
}

/// Reads a journal row with the payloads that stand in it.
pub(super) fn journal_row(row: &PgRow) -> Result<JournalRow, Failed> {
    Ok(JournalRow {
        position: wire::count(row.try_get("position")?)?,
        epoch: wire::count(row.try_get("epoch")?)?,
        prev: wire::digest(row.try_get("prev")?)?,
        link: wire::digest(row.try_get("link")?)?,
        kind: row.try_get("kind")?,
        at: Timestamp::from_micros(row.try_get("at")?),
        body: row.try_get("body")?,
        payloads: payload::decode(row.try_get("inline")?)?,
    })
}

/// Reads a message to a run.
pub(super) fn inbox_row(row: &PgRow) -> Result<InboxRow, Failed> {
    Ok(InboxRow {
        position: wire::count(row.try_get("position")?)?,
        key: row.try_get("key")?,
        body: wire::read_json(row.try_get("body")?)?,
        payloads: payload::decode(row.try_get("payloads")?)?,
    })
}

/// Returns a run's row, also for an id that moved.
pub(super) async fn run(sql: &mut PgConnection, run_id: RunId) -> Result<Option<RunRow>, Failed> {
    let mut at = run_id;
    loop {
        if let Some(row) = row_of(sql, at).await? {
            return Ok(Some(row));
        }
        // It may have moved once more between the two looks.
        match home(sql, run_id).await? {
            Some(home) if home != at => at = home,
            _ => return Ok(None),
        }
    }
}

async fn row_of(sql: &mut PgConnection, run_id: RunId) -> Result<Option<RunRow>, Failed> {
    let find = "SELECT r.*, r.status::text AS status_word, l.flow, l.version, l.definition
                FROM mainstay.runs r JOIN mainstay.lanes l USING (lane) WHERE r.run_id = $1";
    let row = sqlx::query(find).bind(run_id.uuid()).fetch_optional(sql).await?;
    row.as_ref().map(run_row).transpose()
}

/// Returns a part of a journal.
pub(super) async fn journal(
    sql: &mut PgConnection,
    request: JournalRequest,
) -> Result<Vec<JournalRow>, Failed> {
    let rows = sqlx::query(
        "SELECT position, epoch, prev, link, kind, at, body, inline FROM mainstay.journal
         WHERE run_id = $1 AND position >= $2 ORDER BY position LIMIT $3",
    )
    .bind(request.run_id.uuid())
    .bind(wire::int(request.from))
    .bind(i64::from(request.limit))
    .fetch_all(sql)
    .await?;
    rows.iter().map(journal_row).collect()
}

/// Returns a run's messages after a position.
pub(super) async fn inbox(
    sql: &mut PgConnection,
    request: InboxRequest,
) -> Result<Vec<InboxRow>, Failed> {
    let rows = sqlx::query(
        "SELECT position, key, body, payloads FROM mainstay.inbox
         WHERE run_id = $1 AND position > $2 ORDER BY position",
    )
    .bind(request.run_id.uuid())
    .bind(wire::int(request.after))
    .fetch_all(sql)
    .await?;
    rows.iter().map(inbox_row).collect()
}

/// Returns payloads in the order they are wanted; those that are gone are left out. The rows that
/// carried them are asked first, then the large ones, each in one query.
pub(super) async fn payloads(
    sql: &mut PgConnection,
    request: &PayloadRequest,
) -> Result<Vec<Payload>, Failed> {
    let inline = inline_payloads(sql, request).await?;
    let missing: Vec<Digest> = request
        .wanted
        .iter()
        .filter(|wanted| !inline.contains_key(*wanted))
        .map(|(digest, _)| *digest)
        .collect();
    let large = match missing.as_slice() {
        [] => HashMap::new(),
        missing => large_payloads(sql, request.run_id, missing).await?,
    };
    let found = |wanted: &(Digest, Position)| inline.get(wanted).or_else(|| large.get(&wanted.0));
    Ok(request.wanted.iter().filter_map(|wanted| found(wanted).cloned()).collect())
}

async fn inline_payloads(
    sql: &mut PgConnection,
    request: &PayloadRequest,
) -> Result<HashMap<(Digest, Position), Payload>, Failed> {
    let positions: Vec<i64> = request.wanted.iter().map(|(_, at)| wire::int(*at)).collect();
    let rows = sqlx::query(
        "SELECT position, inline FROM mainstay.journal
         WHERE run_id = $1 AND position = ANY($2) AND inline IS NOT NULL",
    )
    .bind(request.run_id.uuid())
    .bind(positions)
    .fetch_all(sql)
    .await?;
    let mut found = HashMap::new();
    for row in rows {
        let at = wire::count(row.try_get("position")?)?;
        let payloads = payload::decode(row.try_get("inline")?)?;
        found.extend(payloads.into_iter().map(|payload| ((payload.digest(), at), payload)));
    }
    Ok(found)
}

async fn large_payloads(
    sql: &mut PgConnection,
    run_id: RunId,
    digests: &[Digest],
) -> Result<HashMap<Digest, Payload>, Failed> {
    let rows = sqlx::query(
        "SELECT digest, bytes FROM mainstay.payloads
         WHERE week = $1 AND digest = ANY($2)
           AND tenant =
               (SELECT tenant FROM mainstay.journal WHERE run_id = $3 AND position = 1)",
    )
    .bind(wire::week(run_id))
    .bind(digests.iter().map(|digest| *digest.as_bytes()).collect::<Vec<_>>())
    .bind(run_id.uuid())
    .fetch_all(sql)
    .await?;
    let read = |row: &PgRow| {
        let digest = wire::digest(row.try_get("digest")?)?;
        Ok((digest, payload::decompress(digest, row.try_get("bytes")?)?))
    };
    rows.iter().map(read).collect()
}
