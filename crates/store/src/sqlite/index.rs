//! The searchable list: a projection of the runs' rows that can always be built anew.
//!
//! Each transaction that changes a run's status notes the run's id; a refresh reads those rows
//! again and removes the notes in one transaction, so nothing is missed and nothing is scanned.

use std::collections::BTreeSet;

use mainstay_core::{
    id::RunId,
    store::{
        StoreError,
        row::{IndexFilter, IndexRow},
    },
    time::Timestamp,
};
use sqlx::{QueryBuilder, Sqlite, sqlite::SqliteRow};

use super::{
    flows::flow_version,
    runs::run_id,
    scope::{Blob, Scope, column},
};
use crate::wire;

const PROJECT: &str = "INSERT OR REPLACE INTO mainstay_run_index
        (run_id, tenant, flow, version, definition, status, wait, parent, tags, created_at)
    SELECT run_id, tenant, flow, version, definition, status, wait, parent, tags, created_at
    FROM (SELECT run_id FROM mainstay_run_changes ORDER BY run_id LIMIT ?)
    CROSS JOIN mainstay_runs USING (run_id) JOIN mainstay_lanes USING (lane)";

const DONE: &str = "DELETE FROM mainstay_run_changes WHERE run_id IN (
    SELECT run_id FROM mainstay_run_changes ORDER BY run_id LIMIT ?)";

const PROJECT_ALL: &str = "INSERT INTO mainstay_run_index
        (run_id, tenant, flow, version, definition, status, wait, parent, tags, created_at)
    SELECT run_id, tenant, flow, version, definition, status, wait, parent, tags, created_at
    FROM mainstay_runs JOIN mainstay_lanes USING (lane)";

fn index_row(row: &SqliteRow) -> Result<IndexRow, StoreError> {
    let parent: Option<&[u8]> = column(row, "parent")?;
    Ok(IndexRow {
        run_id: run_id(row)?,
        tenant: column(row, "tenant")?,
        flow: flow_version(row)?,
        status: wire::status(column(row, "status")?)?,
        wait: column::<Option<&str>, _>(row, "wait")?.map(wire::read_json).transpose()?,
        parent: parent.map(|id| wire::uuid(id).map(RunId::from_uuid)).transpose()?,
        tags: column(row, "tags")?,
        created_at: Timestamp::from_micros(column(row, "created_at")?),
    })
}

impl Scope<'_> {
    /// Brings up to `limit` rows of the list up to date.
    pub(super) async fn refresh_index(&mut self, limit: u32) -> Result<u64, StoreError> {
        self.change(sqlx::query(PROJECT).bind(i64::from(limit))).await?;
        self.change(sqlx::query(DONE).bind(i64::from(limit))).await
    }

    /// Empties the list and builds it anew.
    pub(super) async fn rebuild_index(&mut self) -> Result<u64, StoreError> {
        self.change(sqlx::query("DELETE FROM mainstay_run_index")).await?;
        self.change(sqlx::query("DELETE FROM mainstay_run_changes")).await?;
        self.change(sqlx::query(PROJECT_ALL)).await
    }

    /// Returns runs from the list, newest first.
    pub(super) async fn list_runs(
        &mut self,
        filter: &IndexFilter,
    ) -> Result<Vec<IndexRow>, StoreError> {
        let mut find = newest(filter);
        self.rows(find.build()).await?.iter().map(index_row).collect()
    }
}

/// Returns the statement for a list. Each status is looked through by itself, in the index that it
/// leads: one that few runs have is found among any number of others.
fn newest(filter: &IndexFilter) -> QueryBuilder<Sqlite> {
    let mut find = QueryBuilder::new("SELECT * FROM (");
    let words: BTreeSet<_> = filter.statuses.iter().map(|status| status.as_str()).collect();
    if words.is_empty() {
        find.push("SELECT * FROM mainstay_run_index WHERE true");
        push_newest(&mut find, filter);
    }
    for (nth, word) in words.into_iter().enumerate() {
        find.push(if nth == 0 { "SELECT * FROM (" } else { ") UNION ALL SELECT * FROM (" });
        find.push("SELECT * FROM mainstay_run_index INDEXED BY mainstay_run_index_status");
        find.push(" WHERE status = ").push_bind(word);
        push_newest(&mut find, filter);
    }
    find.push(if filter.statuses.is_empty() { ")" } else { "))" });
    find.push(" ORDER BY run_id DESC LIMIT ").push_bind(i64::from(filter.most()));
    find
}

fn push_newest(find: &mut QueryBuilder<Sqlite>, filter: &IndexFilter) {
    if let Some((low, high)) = filter.ids {
        find.push(" AND run_id BETWEEN ").push_bind(low.as_bytes().to_vec());
        find.push(" AND ").push_bind(high.as_bytes().to_vec());
    }
    if let Some(before) = filter.before {
        find.push(" AND run_id < ").push_bind(before.blob());
    }
    if let Some(tenant) = &filter.tenant {
        find.push(" AND tenant = ").push_bind(tenant.clone());
    }
    if let Some(flow) = &filter.flow {
        find.push(" AND flow = ").push_bind(flow.clone());
    }
    find.push(" ORDER BY run_id DESC LIMIT ").push_bind(i64::from(filter.most()));
}

#[cfg(test)]
mod tests;
