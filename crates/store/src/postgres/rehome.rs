//! Moves of parked runs: one id for another, in one transaction.

use mainstay_core::{
    id::RunId,
    journal::JournalRow,
    store::operation::{LendPayloads, Rehome, Rehoming},
};
use sqlx::{Connection, PgConnection, Row};

use super::{append::push_stored, connect::finish, failure::Failed, shared::Shared, sql::Sql};
use crate::{payload, sound, wire};

/// The run's row goes, if it is parked as it was seen; whoever waits for its lock finds it gone and
/// looks for the id it has now.
const TAKE: &str = "
SELECT tenant FROM mainstay.runs r
WHERE run_id = $1 AND status = 'parked' AND epoch = $2 AND inbox_head = $3
  AND EXISTS (SELECT FROM mainstay.journal WHERE run_id = $1 AND position = $4 AND link = $5)
  AND NOT EXISTS (SELECT FROM mainstay.journal WHERE run_id = $1 AND position = $4 + 1)
FOR UPDATE";

const TAKEN: &str = "
SELECT EXISTS (SELECT FROM mainstay.journal WHERE run_id = $1)
    OR EXISTS (SELECT FROM mainstay.run_alias WHERE run_id = $1)";

const MOVE: &str = "
WITH old AS (DELETE FROM mainstay.runs WHERE run_id = $1 RETURNING *)
INSERT INTO mainstay.runs
    (run_id, epoch, checkpoint, parent, inbox_head, inbox_read, created_at, lane, wake_after, status,
     priority, tenant, tags, wait)
SELECT $2, $3, 1, parent, inbox_head, inbox_read, created_at, lane, wake_after, status,
     priority, tenant, tags, wait FROM old";

/// What follows the run; `$1` is the id it had and `$2` the one it gets.
const FOLLOW: [&str; 5] = [
    "UPDATE mainstay.inbox SET run_id = $2 WHERE run_id = $1",
    "UPDATE mainstay.timers SET run_id = $2 WHERE run_id = $1",
    "UPDATE mainstay.reviews SET run_id = $2 WHERE run_id = $1",
    "UPDATE mainstay.run_alias SET home = $2 WHERE home = $1",
    "INSERT INTO mainstay.run_alias (run_id, home) VALUES ($1, $2)",
];

/// Returns the id a run has now, if it has moved.
pub(super) async fn home(sql: &mut PgConnection, run_id: RunId) -> Result<Option<RunId>, Failed> {
    let find = sqlx::query_scalar("SELECT home FROM mainstay.run_alias WHERE run_id = $1");
    let home: Option<uuid::Uuid> = find.bind(run_id.uuid()).fetch_optional(sql).await?;
    Ok(home.map(RunId::from_uuid))
}

/// Moves a parked run to another id.
pub(super) async fn rehome(
    sql: &mut PgConnection,
    shared: &Shared,
    wish: &Rehome,
) -> Result<Rehoming, Failed> {
    sound::rehome(wish)?;
    shared.weeks.make_for(sql, wish.to, shared.simulated()).await?;
    let mut transaction = sql.begin().await?;
    let moved = rehome_within(&mut transaction, wish).await;
    finish(transaction, matches!(moved, Ok(Rehoming::Done))).await?;
    moved
}

async fn rehome_within(sql: &mut PgConnection, wish: &Rehome) -> Result<Rehoming, Failed> {
    let take = sqlx::query_scalar(TAKE)
        .bind(wish.run_id.uuid())
        .bind(wire::int(wish.epoch))
        .bind(wire::int(wish.inbox_seen))
        .bind(wire::int(wish.head.position))
        .bind(wish.head.link.as_bytes().as_slice());
    let Some(tenant) = take.fetch_optional(&mut *sql).await? else { return Ok(Rehoming::Missed) };
    let tenant: String = tenant;
    if sqlx::query_scalar(TAKEN).bind(wish.to.uuid()).fetch_one(&mut *sql).await? {
        return Ok(Rehoming::Taken);
    }
    let [claimed, moved] = &wish.rows;
    for (run_id, row) in [(wish.run_id, claimed), (wish.run_id, moved), (wish.to, &wish.first)] {
        insert(sql, run_id, &tenant, row).await?;
    }
    let place = sqlx::query(MOVE).bind(wish.run_id.uuid()).bind(wish.to.uuid());
    place.bind(wire::int(wish.epoch + 1)).execute(&mut *sql).await?;
    for follow in FOLLOW {
        let follow = sqlx::query(follow).bind(wish.run_id.uuid()).bind(wish.to.uuid());
        follow.execute(&mut *sql).await?;
    }
    note(sql, wish).await?;
    Ok(Rehoming::Done)
}

async fn insert(
    sql: &mut PgConnection,
    run_id: RunId,
    tenant: &str,
    row: &JournalRow,
) -> Result<(), Failed> {
    let (small, large) = payload::split(&row.payloads);
    sqlx::query(
        "INSERT INTO mainstay.journal
             (run_id, position, epoch, at, tenant, kind, prev, link, body, inline)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(run_id.uuid())
    .bind(wire::int(row.position))
    .bind(wire::int(row.epoch))
    .bind(row.at.micros())
    .bind(tenant)
    .bind(row.kind.as_str())
    .bind(row.prev.as_bytes().as_slice())
    .bind(row.link.as_bytes().as_slice())
    .bind(row.body.as_slice())
    .bind(payload::encode(small))
    .execute(&mut *sql)
    .await?;
    if large.is_empty() {
        return Ok(());
    }
    let week = wire::week(run_id);
    let large: Vec<_> = large.into_iter().map(|payload| (week, payload)).collect();
    let mut store =
        Sql::new("INSERT INTO mainstay.payloads (week, tenant, digest, bytes) SELECT s.week, ");
    store.push_bind(tenant).push(", s.digest, s.bytes FROM unnest(");
    push_stored(&mut store, &large);
    store.push(") AS s(week, digest, bytes) ORDER BY s.digest ON CONFLICT DO NOTHING");
    store.query()?.execute(sql).await?;
    Ok(())
}

/// The list loses the old id and learns of the new one.
async fn note(sql: &mut PgConnection, wish: &Rehome) -> Result<(), Failed> {
    let gone = sqlx::query("DELETE FROM mainstay.run_index WHERE run_id = $1");
    gone.bind(wish.run_id.uuid()).execute(&mut *sql).await?;
    let note = sqlx::query("INSERT INTO mainstay.run_changes (run_id) VALUES ($1)");
    note.bind(wish.to.uuid()).execute(sql).await?;
    Ok(())
}

/// Copies payloads to the week of another id.
pub(super) async fn lend_payloads(
    sql: &mut PgConnection,
    shared: &Shared,
    wish: &LendPayloads,
) -> Result<u64, Failed> {
    shared.weeks.make_for(sql, wish.to, shared.simulated()).await?;
    let row = sqlx::query(
        "WITH wanted AS (
             SELECT $1::bigint AS week, p.tenant, p.digest, p.bytes FROM mainstay.payloads p
             WHERE p.week = $2 AND p.digest = ANY($3) AND p.tenant =
                 (SELECT tenant FROM mainstay.journal WHERE run_id = $4 AND position = 1)),
         copied AS (
             INSERT INTO mainstay.payloads (week, tenant, digest, bytes)
             SELECT week, tenant, digest, bytes FROM wanted ORDER BY digest
             ON CONFLICT DO NOTHING)
         SELECT count(*) AS there FROM wanted",
    )
    .bind(wire::week(wish.to))
    .bind(wire::week(wish.from))
    .bind(wish.digests.iter().map(|digest| *digest.as_bytes()).collect::<Vec<_>>())
    .bind(wish.from.uuid())
    .fetch_one(sql)
    .await?;
    Ok(wire::count(row.try_get("there")?)?)
}
