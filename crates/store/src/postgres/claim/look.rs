//! Who stands first in the queue of some lanes.

#[cfg(test)]
mod tests;

use mainstay_core::id::RunId;
use sqlx::{PgConnection, Row, postgres::PgRow};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    postgres::{
        failure::Failed,
        shared::{ReadyFront, Shared},
    },
    wire,
};

/// The first places of some lanes.
const LOOK_AT_ALL: &str = "
SELECT q.* FROM unnest($2::int[]) AS l(lane) CROSS JOIN LATERAL (
    SELECT run_id, lane, priority, pass FROM mainstay.ready WHERE lane = l.lane
    ORDER BY priority, pass LIMIT $1) q
ORDER BY q.priority, q.pass LIMIT $1";

/// The first places from where the live ones begin.
const LOOK: &str = "
SELECT q.* FROM unnest($2::int[], $3::smallint[], $4::bigint[]) AS l(lane, priority, pass)
CROSS JOIN LATERAL (
    SELECT run_id, lane, priority, pass FROM mainstay.ready
    WHERE lane = l.lane AND priority = l.priority AND pass >= l.pass
    ORDER BY pass LIMIT $1) q
ORDER BY q.priority, q.pass LIMIT $1";

const LOOK_FOR_ONE: &str = "
SELECT run_id FROM mainstay.ready WHERE lane = ANY($1) AND run_id = $2";

/// Finds one run, if it stands in one of the lanes.
pub(super) async fn for_one(
    sql: &mut PgConnection,
    run_id: RunId,
    lanes: &[i32],
) -> Result<Vec<Uuid>, Failed> {
    let look = sqlx::query_scalar(LOOK_FOR_ONE).bind(lanes).bind(run_id.uuid());
    Ok(look.fetch_all(sql).await?)
}

/// Returns who stands first, with some to spare: others look at the same time. `lanes` ascend.
pub(super) async fn look(
    sql: &mut PgConnection,
    shared: &Shared,
    wanted: usize,
    lanes: &[i32],
) -> Result<Vec<Uuid>, Failed> {
    let (front, most) = (shared.ready_of(lanes), wire::int(wanted as u64 * 4 + 16));
    let from = front.places();
    // Where nothing is known, nothing would be found, and looking costs little.
    if !from.is_empty() && !shared.is_due(&front) {
        let found = look_from(sql, &front, most, &from).await?;
        if found.len() >= wanted || !front.may_look() {
            return Ok(found);
        }
    }
    let began = Instant::now();
    let look = sqlx::query(LOOK_AT_ALL).bind(most).bind(lanes);
    let rows = look.fetch_all(sql).await?;
    front.looked_at_all(began);
    places(&rows, &front)
}

async fn look_from(
    sql: &mut PgConnection,
    front: &ReadyFront,
    most: i64,
    from: &[((i32, i16), i64)],
) -> Result<Vec<Uuid>, Failed> {
    let look = sqlx::query(LOOK)
        .bind(most)
        .bind(from.iter().map(|((lane, _), _)| *lane).collect::<Vec<_>>())
        .bind(from.iter().map(|((_, priority), _)| *priority).collect::<Vec<_>>())
        .bind(from.iter().map(|(_, pass)| *pass).collect::<Vec<_>>());
    places(&look.fetch_all(sql).await?, front)
}

/// Reads places in the queue, and notes where it begins.
fn places(rows: &[PgRow], front: &ReadyFront) -> Result<Vec<Uuid>, Failed> {
    let place = |row: &PgRow| -> Result<_, Failed> {
        Ok(((row.try_get("lane")?, row.try_get("priority")?), row.try_get("pass")?))
    };
    front.found(rows.iter().map(place).collect::<Result<Vec<_>, _>>()?);
    rows.iter().map(|row| Ok(row.try_get("run_id")?)).collect()
}
