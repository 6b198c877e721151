//! The schema's versions: SQL files in order, and the table that says how far this file is.

use mainstay_core::store::StoreError;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::error::store_error;

const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../../migrations/sqlite/0001_backbone.sql")),
    (2, include_str!("../../migrations/sqlite/0002_early_takeover.sql")),
    (3, include_str!("../../migrations/sqlite/0003_weeks.sql")),
];

/// The version this program needs.
pub(super) const WANTED: i64 = 3;

/// Returns the version found; 0 for a file without our tables.
pub(super) async fn version(db: &mut SqliteConnection) -> Result<i64, StoreError> {
    let table = "SELECT 1 FROM sqlite_schema WHERE name = 'mainstay_schema'";
    let known = sqlx::query(table).fetch_optional(&mut *db).await.map_err(store_error)?;
    if known.is_none() {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(version), 0) FROM mainstay_schema";
    let row = sqlx::query(newest).fetch_one(db).await.map_err(store_error)?;
    row.try_get(0).map_err(store_error)
}

/// Brings the schema to [`WANTED`], inside the caller's transaction. Two programs that open one
/// new file at the same time are put in order by that transaction; the second finds it done.
pub(super) async fn migrate(db: &mut SqliteConnection) -> Result<i64, StoreError> {
    let found = version(db).await?;
    refuse_newer(found)?;
    let make = "CREATE TABLE IF NOT EXISTS mainstay_schema (version INTEGER PRIMARY KEY)";
    sqlx::query(make).execute(&mut *db).await.map_err(store_error)?;
    for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        sqlx::raw_sql(AssertSqlSafe(*sql)).execute(&mut *db).await.map_err(store_error)?;
        let done = sqlx::query("INSERT INTO mainstay_schema (version) VALUES (?)").bind(version);
        done.execute(&mut *db).await.map_err(store_error)?;
    }
    Ok(WANTED)
}

/// A file that a newer program has migrated is left alone.
pub(super) fn refuse_newer(found: i64) -> Result<(), StoreError> {
    if found > WANTED { Err(StoreError::Schema { found, wanted: WANTED }) } else { Ok(()) }
}
