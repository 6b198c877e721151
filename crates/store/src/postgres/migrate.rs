//! The schema: numbered files, each applied once, in a transaction of its own.

use mainstay_core::store::StoreError;
use sqlx::{Connection, PgConnection};

use super::{connect::finish, failure::Failed};

/// The steps, oldest first, each with the version it makes. Steps that a release carried are never
/// changed again.
const STEPS: &[(i64, &str)] = &[
    (1, include_str!("../../migrations/postgres/0001_backbone.sql")),
    (2, include_str!("../../migrations/postgres/0002_early_takeover.sql")),
    (3, include_str!("../../migrations/postgres/0003_weeks.sql")),
];

/// The version this program needs: that of the last step.
pub(super) const WANTED: i64 = 3;

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
    for (version, step) in STEPS {
        apply(sql, step, *version).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_makes_the_wanted_version() {
        let versions: Vec<i64> = STEPS.iter().map(|(version, _)| *version).collect();
        assert_eq!(versions, (1..=WANTED).collect::<Vec<_>>());
    }
}
