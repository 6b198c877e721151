//! The schema: numbered files, each applied once, in a transaction of its own.

use mainstay_core::store::StoreError;
use sqlx::{Connection, PgConnection};

use super::{connect::finish, failure::Failed};

/// The steps, oldest first; a step's number is its place, from 1. Steps that a release carried are
/// never changed again.
const STEPS: &[&str] = &[include_str!("../../migrations/postgres/0001_backbone.sql")];

/// The version this program needs.
pub(super) const WANTED: i64 = STEPS.len() as i64;

/// Programs that migrate at the same time go one after the other behind this lock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('mainstay.migrate', 0))";

/// Returns the version that is there; 0 for none.
pub(super) async fn found(sql: &mut PgConnection) -> Result<i64, Failed> {
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass('mainstay.schema_version') IS NOT NULL")
            .fetch_one(&mut *sql)
            .await?;
    if !there {
        return Ok(0);
    }
    let version = "SELECT COALESCE(max(version), 0) FROM mainstay.schema_version";
    Ok(sqlx::query_scalar(version).fetch_one(sql).await?)
}

/// Refuses a schema of another version.
pub(super) async fn check(sql: &mut PgConnection) -> Result<(), Failed> {
    match found(sql).await? {
        WANTED => Ok(()),
        found => Err(StoreError::Schema { found, wanted: WANTED }.into()),
    }
}

/// Brings the schema to this program's version, and refuses a newer one.
pub(super) async fn migrate(sql: &mut PgConnection) -> Result<i64, Failed> {
    for (step, version) in STEPS.iter().zip(1_i64..) {
        apply(sql, step, version).await?;
    }
    check(sql).await?;
    Ok(WANTED)
}

async fn apply(sql: &mut PgConnection, step: &'static str, version: i64) -> Result<(), Failed> {
    let mut transaction = sql.begin().await?;
    let applied = apply_within(&mut transaction, step, version).await;
    finish(transaction, applied.is_ok()).await?;
    applied
}

async fn apply_within(
    sql: &mut PgConnection,
    step: &'static str,
    version: i64,
) -> Result<(), Failed> {
    sqlx::query(LOCK).execute(&mut *sql).await?;
    if found(sql).await? >= version {
        return Ok(());
    }
    sqlx::raw_sql(step).execute(&mut *sql).await?;
    let note = sqlx::query("INSERT INTO mainstay.schema_version (version) VALUES ($1)");
    note.bind(version).execute(sql).await?;
    Ok(())
}
