//! Flow versions, lanes, and what the store is.

use mainstay_core::{
    flow::{FlowDefinition, FlowVersion},
    store::{StoreError, row::StoreFacts},
};
use sqlx::sqlite::SqliteRow;

use super::{
    schema,
    scope::{Scope, column},
};
use crate::wire;

/// Reads a flow version from columns `flow`, `version`, `definition`.
pub(super) fn flow_version(row: &SqliteRow) -> Result<FlowVersion, StoreError> {
    Ok(FlowVersion {
        name: column(row, "flow")?,
        version: wire::small(column(row, "version")?)?,
        definition: wire::digest(column(row, "definition")?)?,
    })
}

impl Scope<'_> {
    /// Returns what the store is; also on a file that has no schema yet.
    pub(super) async fn facts(&mut self) -> Result<StoreFacts, StoreError> {
        let ask = "SELECT sqlite_version() AS version,
                          (SELECT synchronous FROM pragma_synchronous) AS synchronous";
        let row = self.row(sqlx::query(ask)).await?;
        let row = row.ok_or_else(|| StoreError::Corrupt("no answer".to_owned()))?;
        Ok(StoreFacts {
            kind: "sqlite",
            version: column(&row, "version")?,
            schema: schema::version(self.db).await?,
            wanted: schema::WANTED,
            now: self.now,
            commits: 0,
            durable: column::<i64, _>(&row, "synchronous")? >= 2,
            warnings: Vec::new(),
        })
    }

    /// Makes a flow version known; returns the one that is stored under that name and number.
    pub(super) async fn register_flow(
        &mut self,
        flow: &FlowDefinition,
    ) -> Result<FlowVersion, StoreError> {
        let version = flow.flow_version();
        let add = "INSERT OR IGNORE INTO mainstay_flow_versions (name, version, definition, body)
                   VALUES (?, ?, ?, ?)";
        let add = sqlx::query(add)
            .bind(&version.name)
            .bind(i64::from(version.version))
            .bind(&version.definition.as_bytes()[..])
            .bind(wire::json(flow)?);
        if self.change(add).await? == 1 {
            return Ok(version);
        }
        let known = "SELECT name AS flow, version, definition FROM mainstay_flow_versions
                     WHERE name = ? AND version = ?";
        let known = sqlx::query(known).bind(&version.name).bind(i64::from(version.version));
        self.row(known).await?.map_or(Ok(version), |row| flow_version(&row))
    }

    /// Returns every known flow version, by name and number.
    pub(super) async fn flows(&mut self) -> Result<Vec<FlowDefinition>, StoreError> {
        let all = "SELECT body FROM mainstay_flow_versions ORDER BY name, version";
        let rows = self.rows(sqlx::query(all)).await?;
        rows.iter().map(|row| wire::read_json(column(row, "body")?)).collect()
    }

    /// Returns the number of a flow version's lane, if a run was ever started in it.
    pub(super) async fn lane(&mut self, flow: &FlowVersion) -> Result<Option<i64>, StoreError> {
        let find = "SELECT lane FROM mainstay_lanes
                    WHERE flow = ? AND version = ? AND definition = ?";
        let find = sqlx::query(find)
            .bind(&flow.name)
            .bind(i64::from(flow.version))
            .bind(&flow.definition.as_bytes()[..]);
        self.row(find).await?.map(|row| column(&row, "lane")).transpose()
    }

    /// Returns the number of a flow version's lane; makes it if it is new.
    pub(super) async fn make_lane(&mut self, flow: &FlowVersion) -> Result<i64, StoreError> {
        if let Some(lane) = self.lane(flow).await? {
            return Ok(lane);
        }
        let add = "INSERT INTO mainstay_lanes (flow, version, definition) VALUES (?, ?, ?)
                   RETURNING lane";
        let add = sqlx::query(add)
            .bind(&flow.name)
            .bind(i64::from(flow.version))
            .bind(&flow.definition.as_bytes()[..]);
        let row = self.row(add).await?;
        column(&row.ok_or_else(|| StoreError::Corrupt("no new lane".to_owned()))?, "lane")
    }
}
