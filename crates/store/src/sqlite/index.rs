//! The searchable list: a projection of the runs' rows that can always be built anew.
//!
//! Each transaction that changes a run's status notes the run's id; a refresh reads those rows
//! again and removes the notes in one transaction, so nothing is missed and nothing is scanned.

use mainstay_core::{
    id::RunId,
    store::{
        StoreError,
        row::{IndexFilter, IndexRow},
    },
    time::Timestamp,
};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

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
        let find = "SELECT * FROM mainstay_run_index
                    WHERE run_id BETWEEN ?1 AND ?2 AND run_id < ?3
                      AND (?4 IS NULL OR tenant = ?4) AND (?5 IS NULL OR flow = ?5)
                      AND (?6 IS NULL OR status IN (SELECT value FROM json_each(?6)))
                    ORDER BY run_id DESC LIMIT ?7";
        let (low, high) = filter.ids.unwrap_or((Uuid::nil(), Uuid::max()));
        // One byte longer than any id, so that nothing is excluded without a `before`.
        let before = filter.before.map_or_else(|| vec![0xff; 17], |run_id| run_id.blob());
        let words: Vec<_> = filter.statuses.iter().map(|status| status.as_str()).collect();
        let statuses = (!words.is_empty()).then(|| wire::json(&words)).transpose()?;
        let find = sqlx::query(find)
            .bind(low.as_bytes().to_vec())
            .bind(high.as_bytes().to_vec())
            .bind(before)
            .bind(filter.tenant.as_deref())
            .bind(filter.flow.as_deref())
            .bind(statuses)
            .bind(i64::from(filter.most()));
        self.rows(find).await?.iter().map(index_row).collect()
    }
}
