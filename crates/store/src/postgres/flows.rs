//! Flow versions that workers have made known.

use mainstay_core::flow::{FlowDefinition, FlowVersion};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{failure::Failed, shared::flow_version};
use crate::wire;

/// Makes a flow version known; returns the one that is stored under that name and number.
pub(super) async fn register_flow(
    sql: &mut PgConnection,
    flow: &FlowDefinition,
) -> Result<FlowVersion, Failed> {
    let version = flow.flow_version();
    sqlx::query(
        "INSERT INTO mainstay.flow_versions (flow, version, definition, content)
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(version.name.as_str())
    .bind(i64::from(version.version))
    .bind(version.definition.as_bytes().as_slice())
    .bind(wire::json(flow)?)
    .execute(&mut *sql)
    .await?;
    let known = "SELECT flow, version, definition FROM mainstay.flow_versions
                 WHERE tenant = '' AND flow = $1 AND version = $2";
    let known = sqlx::query(known).bind(version.name.as_str()).bind(i64::from(version.version));
    flow_version(&known.fetch_one(sql).await?)
}

/// Returns every known flow version, by name and number.
pub(super) async fn flows(sql: &mut PgConnection) -> Result<Vec<FlowDefinition>, Failed> {
    let all = "SELECT content FROM mainstay.flow_versions ORDER BY flow COLLATE \"C\", version";
    let rows = sqlx::query(all).fetch_all(sql).await?;
    let flow = |row: &PgRow| Ok(wire::read_json(row.try_get("content")?)?);
    rows.iter().map(flow).collect()
}
