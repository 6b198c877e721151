//! The schema: numbered files, each applied once, in a transaction of its own.

use mainstay_core::store::{StoreError, schema::SchemaVersion};
use sqlx::{Connection, PgConnection, Row};

use super::{connect::finish, failure::Failed};

/// The steps, oldest first, each with the version it makes and the oldest program that may work
/// with that. Steps that a release carried are never changed again.
const STEPS: &[(i64, &str, i64)] = &[
    (1, include_str!("../../migrations/postgres/0001_backbone.sql"), 1),
    (2, include_str!("../../migrations/postgres/0002_early_takeover.sql"), 2),
    (3, include_str!("../../migrations/postgres/0003_weeks.sql"), 3),
    (4, include_str!("../../migrations/postgres/0004_budgets.sql"), 3),
];

/// The version this program needs: that of the last step.
pub(super) const WANTED: i64 = 4;

/// The first version whose table says which programs may work with it.
const SAYS_WHO: i64 = 3;

/// Programs that migrate at the same time go one after the other behind this lock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('mainstay.migrate', 0))";

/// Returns the schema that is there. A version that does not say which programs may work with it
/// suits its own alone.
pub(super) async fn found(sql: &mut PgConnection) -> Result<SchemaVersion, Failed> {
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass('mainstay.schema_version') IS NOT NULL")
            .fetch_one(&mut *sql)
            .await?;
    if !there {
        return Ok(SchemaVersion::NONE);
    }
    // The first versions of the table had no such column.
    let newest = "SELECT version, COALESCE((to_jsonb(v) ->> 'oldest')::bigint, version) AS oldest
                  FROM mainstay.schema_version v ORDER BY version DESC LIMIT 1";
    let row = sqlx::query(newest).fetch_optional(sql).await?;
    row.map_or(Ok(SchemaVersion::NONE), |row| {
        Ok(SchemaVersion { found: row.try_get("version")?, oldest: row.try_get("oldest")? })
    })
}

/// Refuses a schema that this program may not work with.
pub(super) async fn check(sql: &mut PgConnection) -> Result<i64, Failed> {
    let schema = found(sql).await?;
    let found = schema.found;
    if schema.suits(WANTED) {
        Ok(found)
    } else {
        Err(StoreError::Schema { found, wanted: WANTED }.into())
    }
}

/// Brings the schema to this program's version; leaves a newer one as it is. Returns the version
/// that is there then.
pub(super) async fn migrate(sql: &mut PgConnection) -> Result<i64, Failed> {
    for (version, step, oldest) in STEPS {
        apply(sql, step, *version, *oldest).await?;
    }
    check(sql).await
}

async fn apply(
    sql: &mut PgConnection,
    step: &'static str,
    version: i64,
    oldest: i64,
) -> Result<(), Failed> {
    let mut transaction = sql.begin().await?;
    let applied = apply_within(&mut transaction, step, version, oldest).await;
    finish(transaction, applied.is_ok()).await?;
    applied
}

async fn apply_within(
    sql: &mut PgConnection,
    step: &'static str,
    version: i64,
    oldest: i64,
) -> Result<(), Failed> {
    sqlx::query(LOCK).execute(&mut *sql).await?;
    if found(sql).await?.found >= version {
        return Ok(());
    }
    sqlx::raw_sql(step).execute(&mut *sql).await?;
    let note = if version < SAYS_WHO {
        sqlx::query("INSERT INTO mainstay.schema_version (version) VALUES ($1)").bind(version)
    } else {
        sqlx::query("INSERT INTO mainstay.schema_version (version, oldest) VALUES ($1, $2)")
            .bind(version)
            .bind(oldest)
    };
    note.execute(sql).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_makes_the_wanted_version() {
        let versions: Vec<i64> = STEPS.iter().map(|(version, ..)| *version).collect();
        assert_eq!(versions, (1..=WANTED).collect::<Vec<_>>());
    }
}
