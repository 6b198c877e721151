//! The searchable list: a projection of the runs' rows that can always be built anew.
//!
//! Each transaction that changes a run's status notes it in `run_changes`; a refresh removes notes
//! and reads those rows again, in one statement and so in one view of the database.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use mainstay_core::{
    id::RunId,
    store::row::{IndexFilter, IndexRow},
    time::Timestamp,
};
use sqlx::{Connection, PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};

use super::{
    connect::finish,
    failure::Failed,
    shared::{Shared, flow_version},
};
use crate::wire;

/// Two refreshes at once could write the older view last; the second leaves it to the first. Lost
/// notes would be rebuilt, so nothing waits for the disk.
const ALONE: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended('mainstay.run_index', 0)),
                            set_config('synchronous_commit', 'off', true)";

const COLUMNS: &str = "run_id, parent, created_at, lane, status, tenant, tags, wait";

const REFRESH: &str = "
WITH noted AS (
    DELETE FROM mainstay.run_changes WHERE change = ANY(ARRAY(
        SELECT change FROM mainstay.run_changes WHERE change >= $2 ORDER BY change LIMIT $1))
    RETURNING change, run_id),
behind AS MATERIALIZED (SELECT DISTINCT run_id FROM noted),
written AS (
    INSERT INTO mainstay.run_index AS i
        (run_id, parent, created_at, lane, status, tenant, tags, wait)
    SELECT r.* FROM behind b CROSS JOIN LATERAL (
        SELECT run_id, parent, created_at, lane, status, tenant, tags, wait
        FROM mainstay.runs WHERE run_id = b.run_id LIMIT 1) r
    ON CONFLICT (run_id) DO UPDATE
    SET lane = excluded.lane, status = excluded.status, wait = excluded.wait
    RETURNING 1)
SELECT (SELECT count(*) FROM written), (SELECT min(change) FROM noted)";

/// Brings the list up to date with up to `limit` notes. Returns how many rows it wrote.
pub(super) async fn refresh_index(
    sql: &mut PgConnection,
    shared: &Shared,
    limit: u32,
) -> Result<u64, Failed> {
    let mut transaction = sql.begin().await?;
    let written = refresh_within(&mut transaction, shared, limit).await;
    finish(transaction, written.is_ok()).await?;
    written
}

async fn refresh_within(
    sql: &mut PgConnection,
    shared: &Shared,
    limit: u32,
) -> Result<u64, Failed> {
    if !sqlx::query_scalar::<_, bool>(ALONE).fetch_one(&mut *sql).await? {
        return Ok(0);
    }
    let look = shared.look(&shared.changes);
    let refresh = sqlx::query(REFRESH).bind(i64::from(limit)).bind(look.from());
    let refreshed = refresh.fetch_one(sql).await?;
    look.found(refreshed.try_get(1)?);
    wire::count(refreshed.try_get(0)?).map_err(Failed::from)
}

/// Empties the list and builds it anew.
pub(super) async fn rebuild_index(sql: &mut PgConnection) -> Result<u64, Failed> {
    let mut transaction = sql.begin().await?;
    let filled = rebuild_within(&mut transaction).await;
    finish(transaction, filled.is_ok()).await?;
    filled
}

async fn rebuild_within(sql: &mut PgConnection) -> Result<u64, Failed> {
    for prepare in [
        "SELECT pg_advisory_xact_lock(hashtextextended('mainstay.run_index', 0))",
        "DELETE FROM mainstay.run_changes",
        "DELETE FROM mainstay.run_index",
    ] {
        sqlx::query(prepare).execute(&mut *sql).await?;
    }
    let mut fill = QueryBuilder::<Postgres>::new("INSERT INTO mainstay.run_index (");
    fill.push(COLUMNS).push(") SELECT ").push(COLUMNS).push(" FROM mainstay.runs");
    Ok(fill.build().execute(sql).await?.rows_affected())
}

/// Returns runs from the list, newest first. Each status is looked through by itself, in the index
/// that it leads: one that few runs have is found among any number of others.
pub(super) async fn list_runs(
    sql: &mut PgConnection,
    filter: &IndexFilter,
) -> Result<Vec<IndexRow>, Failed> {
    let mut find = QueryBuilder::<Postgres>::new(
        "SELECT i.*, i.status::text AS status_word, l.flow, l.version, l.definition FROM ",
    );
    if filter.statuses.is_empty() {
        push_newest(&mut find, filter, "");
    } else {
        let words: BTreeSet<_> = filter.statuses.iter().map(|status| status.as_str()).collect();
        find.push("unnest(").push_bind(words.into_iter().collect::<Vec<_>>());
        find.push("::text[]::mainstay.run_status[]) AS s(word) CROSS JOIN LATERAL ");
        push_newest(&mut find, filter, " AND status = s.word");
    }
    find.push(" JOIN mainstay.lanes l USING (lane) ORDER BY i.run_id DESC LIMIT ");
    find.push_bind(i64::from(filter.most()));
    let rows = find.build().fetch_all(sql).await?;
    rows.iter().map(index_row).collect()
}

fn push_newest(find: &mut QueryBuilder<Postgres>, filter: &IndexFilter, which: &str) {
    find.push("(SELECT * FROM mainstay.run_index WHERE true").push(which);
    if let Some((low, high)) = filter.ids {
        find.push(" AND run_id BETWEEN ").push_bind(low).push(" AND ").push_bind(high);
    }
    if let Some(before) = filter.before {
        find.push(" AND run_id < ").push_bind(before.uuid());
    }
    if let Some(tenant) = &filter.tenant {
        find.push(" AND tenant = ").push_bind(tenant.as_str());
    }
    if let Some(flow) = &filter.flow {
        find.push(" AND lane = ANY(ARRAY(SELECT lane FROM mainstay.lanes WHERE flow = ");
        find.push_bind(flow.as_str()).push("))");
    }
    find.push(" ORDER BY run_id DESC LIMIT ").push_bind(i64::from(filter.most())).push(") i");
}

fn index_row(row: &PgRow) -> Result<IndexRow, Failed> {
    let wait: Option<&str> = row.try_get("wait")?;
    let parent: Option<uuid::Uuid> = row.try_get("parent")?;
    Ok(IndexRow {
        run_id: RunId::from_uuid(row.try_get("run_id")?),
        tenant: row.try_get("tenant")?,
        flow: flow_version(row)?,
        status: wire::status(row.try_get("status_word")?)?,
        wait: wait.map(wire::read_json).transpose()?,
        parent: parent.map(RunId::from_uuid),
        tags: row.try_get("tags")?,
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
    })
}
