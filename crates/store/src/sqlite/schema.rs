//! The schema's versions: SQL files in order, and the table that says how far this file is.

use mainstay_core::store::{StoreError, schema::SchemaVersion};
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::error::store_error;

/// Each step with the version it makes and the oldest program that may work with that.
const MIGRATIONS: &[(i64, &str, i64)] = &[
    (1, include_str!("../../migrations/sqlite/0001_backbone.sql"), 1),
    (2, include_str!("../../migrations/sqlite/0002_early_takeover.sql"), 2),
    (3, include_str!("../../migrations/sqlite/0003_weeks.sql"), 3),
    (4, include_str!("../../migrations/sqlite/0004_journal_in_order.sql"), 3),
    (5, include_str!("../../migrations/sqlite/0005_list_by_status.sql"), 3),
    (6, include_str!("../../migrations/sqlite/0006_budgets.sql"), 3),
];

/// The first version whose table says which programs may work with it.
const SAYS_WHO: i64 = 3;

/// The version this program needs.
pub(super) const WANTED: i64 = 6;

/// Returns the schema found. A version that does not say which programs may work with it suits its
/// own alone.
pub(super) async fn version(db: &mut SqliteConnection) -> Result<SchemaVersion, StoreError> {
    let table = "SELECT 1 FROM sqlite_schema WHERE name = 'mainstay_schema'";
    let known = sqlx::query(table).fetch_optional(&mut *db).await.map_err(store_error)?;
    if known.is_none() {
        return Ok(SchemaVersion::NONE);
    }
    // The first versions of the table had no such column.
    let newest = "SELECT * FROM mainstay_schema ORDER BY version DESC LIMIT 1";
    let row = sqlx::query(newest).fetch_optional(db).await.map_err(store_error)?;
    let Some(row) = row else { return Ok(SchemaVersion::NONE) };
    let found = row.try_get("version").map_err(store_error)?;
    let oldest: Option<i64> = row.try_get("oldest").unwrap_or_default();
    Ok(SchemaVersion { found, oldest: oldest.unwrap_or(found) })
}

/// Brings the schema to [`WANTED`], inside the caller's transaction. Two programs that open one
/// new file at the same time are put in order by that transaction; the second finds it done.
pub(super) async fn migrate(db: &mut SqliteConnection) -> Result<i64, StoreError> {
    let schema = version(db).await?;
    refuse_newer(schema)?;
    let found = schema.found;
    let make = "CREATE TABLE IF NOT EXISTS mainstay_schema (version INTEGER PRIMARY KEY)";
    sqlx::query(make).execute(&mut *db).await.map_err(store_error)?;
    for (version, sql, oldest) in MIGRATIONS.iter().filter(|(version, ..)| *version > found) {
        sqlx::raw_sql(AssertSqlSafe(*sql)).execute(&mut *db).await.map_err(store_error)?;
        let done = if *version < SAYS_WHO {
            sqlx::query("INSERT INTO mainstay_schema (version) VALUES (?)").bind(version)
        } else {
            let done = "INSERT INTO mainstay_schema (version, oldest) VALUES (?, ?)";
            sqlx::query(done).bind(version).bind(oldest)
        };
        done.execute(&mut *db).await.map_err(store_error)?;
    }
    Ok(found.max(WANTED))
}

/// A file that a newer program has migrated is left alone, unless that said this one may go on.
pub(super) const fn refuse_newer(schema: SchemaVersion) -> Result<(), StoreError> {
    let found = schema.found;
    if found > WANTED && !schema.suits(WANTED) {
        return Err(StoreError::Schema { found, wanted: WANTED });
    }
    Ok(())
}
