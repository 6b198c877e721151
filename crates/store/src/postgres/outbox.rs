//! Messages of runs to others, until they are delivered.

use mainstay_core::{id::RunId, store::row::OutboxRow};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{failure::Failed, shared::Shared};
use crate::wire;

fn outbox_row(row: &PgRow) -> Result<OutboxRow, Failed> {
    Ok(OutboxRow {
        run_id: RunId::from_uuid(row.try_get("run_id")?),
        position: wire::count(row.try_get("position")?)?,
        n: wire::small(row.try_get::<i32, _>("n")?.into())?,
        message: wire::read_json(row.try_get("message")?)?,
    })
}

/// Returns messages to others, oldest first.
pub(super) async fn outbox(
    sql: &mut PgConnection,
    shared: &Shared,
    limit: u32,
) -> Result<Vec<OutboxRow>, Failed> {
    let find = "SELECT run_id, position, n, message, sent FROM mainstay.outbox
                WHERE shard = 0 AND sent >= $2 ORDER BY sent LIMIT $1";
    let look = shared.look(&shared.outbox);
    let find = sqlx::query(find).bind(i64::from(limit)).bind(look.from());
    let rows = find.fetch_all(sql).await?;
    look.found(rows.first().map(|row| row.try_get("sent")).transpose()?);
    rows.iter().map(outbox_row).collect()
}

/// Removes delivered messages.
pub(super) async fn outbox_done(sql: &mut PgConnection, rows: &[OutboxRow]) -> Result<u64, Failed> {
    let done = sqlx::query(
        "DELETE FROM mainstay.outbox o
         USING unnest($1::uuid[], $2::bigint[], $3::int[]) AS d(run_id, position, n)
         WHERE o.run_id = d.run_id AND o.position = d.position AND o.n = d.n
           AND o.run_id = ANY($1)",
    )
    .bind(rows.iter().map(|row| row.run_id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| wire::int(row.position)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| i32::try_from(row.n).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .execute(sql)
    .await?;
    Ok(done.rows_affected())
}
