//! Old weeks: who looks after them, what is in them, and their end.

use mainstay_core::{
    id::RunId,
    store::{
        operation::{DropWeek, DroppedWeek, HoldDuty, Term, WeekRuns},
        week::UPKEEP,
    },
    week::Week,
};
use sqlx::{PgConnection, Row};

use super::{failure::Failed, shared::Shared};
use crate::wire;

const SWEEP: &str = "
SELECT CASE WHEN EXISTS (SELECT FROM mainstay.duties WHERE duty = $4 AND term = $3)
            THEN mainstay.sweep_week($1, $2) END";

const DROP: &str = "
SELECT CASE WHEN EXISTS (SELECT FROM mainstay.duties WHERE duty = $4 AND term = $3) AND $2::bigint >= 0
            THEN mainstay.drop_week($1) END";

/// Gives a duty to the one who asks, unless another holds it.
pub(super) async fn hold(
    sql: &mut PgConnection,
    shared: &Shared,
    wish: &HoldDuty,
) -> Result<Option<Term>, Failed> {
    let span = i64::try_from(wish.span.as_micros()).unwrap_or(i64::MAX);
    let term: Option<i64> = sqlx::query_scalar(
        "INSERT INTO mainstay.duties AS d (duty, holder, term, expires_at)
         VALUES ($1, $2, 1, mainstay.clock($4) + $3)
         ON CONFLICT (duty) DO UPDATE
         SET term = d.term + (d.holder <> $2)::int, holder = $2,
             expires_at = mainstay.clock($4) + $3
         WHERE d.holder = $2 OR d.expires_at <= mainstay.clock($4)
         RETURNING term",
    )
    .bind(&wish.duty)
    .bind(wish.holder.uuid())
    .bind(span)
    .bind(shared.simulated())
    .fetch_optional(sql)
    .await?;
    Ok(term.map(wire::count).transpose()?)
}

/// Returns the weeks before one that journals are kept of: one seek for each.
pub(super) async fn weeks(sql: &mut PgConnection, before: Week) -> Result<Vec<Week>, Failed> {
    let next = "SELECT run_id FROM mainstay.journal WHERE run_id >= $1 ORDER BY run_id LIMIT 1";
    let (mut weeks, mut from) = (Vec::new(), uuid::Uuid::nil());
    loop {
        let found = sqlx::query_scalar(next).bind(from).fetch_optional(&mut *sql).await?;
        let week = found.map(|uuid| Week::of(RunId::from_uuid(uuid)));
        let Some(week) = week.filter(|week| *week < before) else { return Ok(weeks) };
        weeks.push(week);
        (from, _) = week.next().ids();
    }
}

/// Returns the runs that journals of a week are kept of.
pub(super) async fn week_runs(
    sql: &mut PgConnection,
    wish: &WeekRuns,
) -> Result<Vec<RunId>, Failed> {
    let (low, high) = wish.week.ids();
    let rows = sqlx::query(
        "SELECT DISTINCT run_id FROM mainstay.journal
         WHERE run_id BETWEEN $1 AND $2 AND ($3::uuid IS NULL OR run_id > $3)
         ORDER BY run_id LIMIT $4",
    )
    .bind(low)
    .bind(high)
    .bind(wish.after.map(RunId::uuid))
    .bind(i64::from(wish.limit))
    .fetch_all(sql)
    .await?;
    rows.iter().map(|row| Ok(RunId::from_uuid(row.try_get("run_id")?))).collect()
}

/// Drops a week, unless an unfinished run keeps it: first what is kept without weeks, in bounded
/// pieces, then its partitions as a whole.
pub(super) async fn drop_week(
    sql: &mut PgConnection,
    wish: &DropWeek,
) -> Result<DroppedWeek, Failed> {
    let swept = ask(sql, SWEEP, wish).await?;
    if swept == DroppedWeek::Gone { ask(sql, DROP, wish).await } else { Ok(swept) }
}

/// Asks one of the functions, each a transaction, under the term of the duty.
async fn ask(
    sql: &mut PgConnection,
    function: &'static str,
    wish: &DropWeek,
) -> Result<DroppedWeek, Failed> {
    let answer: Option<i64> = sqlx::query_scalar(function)
        .bind(wish.week.number())
        .bind(i64::from(wish.limit))
        .bind(wire::int(wish.term))
        .bind(UPKEEP)
        .fetch_one(sql)
        .await?;
    Ok(match answer {
        None => DroppedWeek::Superseded,
        Some(0) => DroppedWeek::Gone,
        Some(-1) => DroppedWeek::Busy,
        Some(kept) => wire::count(kept).map_or(DroppedWeek::More, DroppedWeek::Kept),
    })
}
