//! Starting runs: once per idempotency key and once per id.

use mainstay_core::{
    id::RunId,
    store::operation::{CreatedRun, NewRun},
};
use sqlx::{PgConnection, Row};

use super::{append::push_stored, failure::Failed, shared::Shared, sql::Sql};
use crate::{payload, sound, wire};

/// Starts a run: its key, its row, its first journal row and its place in the queue.
pub(super) async fn create_run(
    sql: &mut PgConnection,
    shared: &Shared,
    run: &NewRun,
) -> Result<CreatedRun, Failed> {
    sound::new_run(run)?;
    let lane = shared.lane(sql, &run.flow).await?;
    shared.weeks.make_for(sql, run.run_id, shared.simulated()).await?;
    let statement = statement(shared, run, lane);
    let created: bool = statement.query_scalar()?.fetch_one(&mut *sql).await?;
    if created { Ok(CreatedRun::Created) } else { who_was_first(sql, run).await }
}

/// One statement, so that a start is one round trip and one flush. A key that is there, or an id
/// that is there, makes everything that joins to it empty.
fn statement(shared: &Shared, run: &NewRun, lane: i32) -> Sql {
    let (small, large) = payload::split(&run.first.payloads);
    let mut sql = Sql::new("WITH ");
    push_key(&mut sql, shared, run);
    push_run(&mut sql, run, lane);
    sql.push(
        ", first AS (
            INSERT INTO mainstay.journal
                (run_id, position, epoch, at, tenant, kind, prev, link, body, inline)
            SELECT run_id, 1, 0, ",
    );
    sql.push_bind(run.first.at.micros()).push(", tenant, 'created', ");
    sql.push_bind(run.first.prev.as_bytes().as_slice()).push(", ");
    sql.push_bind(run.first.link.as_bytes().as_slice()).push(", ");
    sql.push_bind(run.first.body.as_slice()).push(", ");
    sql.push_bind(payload::encode(small)).push(
        "::bytea FROM run),
        queued AS (
            INSERT INTO mainstay.ready (run_id, lane, priority, tenant)
            SELECT run_id, lane, priority, tenant FROM run ON CONFLICT DO NOTHING),
        noted AS (INSERT INTO mainstay.run_changes (run_id) SELECT run_id FROM run)",
    );
    if !large.is_empty() {
        let week = wire::week(run.run_id);
        let large: Vec<_> = large.into_iter().map(|payload| (week, payload)).collect();
        sql.push(
            ", stored AS (
                INSERT INTO mainstay.payloads (week, tenant, digest, bytes)
                SELECT s.week, run.tenant, s.digest, s.bytes FROM run, unnest(",
        );
        push_stored(&mut sql, &large);
        sql.push(") AS s(week, digest, bytes) ORDER BY s.digest ON CONFLICT DO NOTHING)");
    }
    sql.push(" SELECT EXISTS (SELECT FROM run)");
    sql
}

/// The key is kept only with a run that is new, or the key would lead to a run of another input.
fn push_key(sql: &mut Sql, shared: &Shared, run: &NewRun) {
    let Some((key, input)) = &run.key else { return };
    sql.push(
        "kept AS (INSERT INTO mainstay.run_keys (tenant, key, input, run_id, created_at) SELECT ",
    );
    sql.push_bind(run.tenant.as_str()).push(", ");
    sql.push_bind(key.as_str()).push(", ");
    sql.push_bind(input.as_bytes().as_slice()).push(", ");
    sql.push_bind(run.run_id.uuid()).push(", mainstay.clock(");
    sql.push_bind(shared.simulated());
    sql.push("::bigint) WHERE NOT EXISTS (SELECT FROM mainstay.runs WHERE run_id = ");
    sql.push_bind(run.run_id.uuid()).push(") AND NOT ");
    push_moved(sql, run);
    sql.push(" ON CONFLICT DO NOTHING RETURNING run_id), ");
}

/// Whether a run of that id was there and has moved: who starts it once more, by an old message,
/// starts nothing.
fn push_moved(sql: &mut Sql, run: &NewRun) {
    sql.push("EXISTS (SELECT FROM mainstay.run_alias WHERE run_id = ");
    sql.push_bind(run.run_id.uuid()).push(")");
}

fn push_run(sql: &mut Sql, run: &NewRun, lane: i32) {
    sql.push(
        "run AS (INSERT INTO mainstay.runs
            (run_id, tenant, lane, parent, priority, tags, created_at) SELECT ",
    );
    sql.push_bind(run.run_id.uuid()).push(", ");
    sql.push_bind(run.tenant.as_str()).push(", ");
    sql.push_bind(lane).push(", ");
    sql.push_bind(run.parent.map(RunId::uuid)).push("::uuid, ");
    sql.push_bind(run.priority).push(", ");
    sql.push_bind(run.tags.as_str()).push(", ");
    sql.push_bind(run.first.at.micros());
    if run.key.is_some() {
        sql.push(" FROM kept");
    }
    sql.push(" WHERE NOT ");
    push_moved(sql, run);
    sql.push(" ON CONFLICT DO NOTHING RETURNING run_id, tenant, lane, priority)");
}

/// Looked up afterwards, because the first one may be younger than the statement's view.
async fn who_was_first(sql: &mut PgConnection, run: &NewRun) -> Result<CreatedRun, Failed> {
    let Some((key, input)) = &run.key else { return Ok(CreatedRun::Exists(run.run_id)) };
    let find = "SELECT run_id, input FROM mainstay.run_keys WHERE tenant = $1 AND key = $2";
    let find = sqlx::query(find).bind(run.tenant.as_str()).bind(key.as_str());
    let Some(row) = find.fetch_optional(sql).await? else {
        return Ok(CreatedRun::Exists(run.run_id));
    };
    let first = RunId::from_uuid(row.try_get("run_id")?);
    let same = wire::digest(row.try_get("input")?)? == *input;
    Ok(if same { CreatedRun::Exists(first) } else { CreatedRun::Conflict(first) })
}
