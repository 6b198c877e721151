//! What the server is, and what about it is worth a warning.

use mainstay_core::{store::row::StoreFacts, time::Timestamp};
use sqlx::{PgConnection, Row};

use super::{
    connect::{Address, Purpose},
    failure::Failed,
    migrate,
    shared::Shared,
};

const ASK: &str = "
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS number,
       current_setting('fsync')::boolean AS fsync,
       current_setting('full_page_writes')::boolean AS full_page_writes,
       (SELECT setting FROM pg_settings WHERE name = 'synchronous_commit') AS synchronous_commit,
       pg_is_in_recovery() AS standby,
       COALESCE($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS now,
       pg_backend_pid() AS backend";

/// The oldest server that has all we use.
const OLDEST: i32 = 140_000;

/// Returns what the store is; also without a schema.
pub(super) async fn facts(
    sql: &mut PgConnection,
    shared: &Shared,
    address: &Address,
) -> Result<StoreFacts, Failed> {
    let row = sqlx::query(ASK).bind(shared.simulated()).fetch_one(&mut *sql).await?;
    let commits = row.try_get::<&str, _>("synchronous_commit")?.to_owned();
    let flushes = row.try_get("fsync")? && commits != "off";
    let whole_pages: bool = row.try_get("full_page_writes")?;
    let warnings = [
        (!row.try_get::<bool, _>("fsync")?).then_some("fsync is off: a power cut loses commits"),
        (commits == "off").then_some("synchronous_commit is off: a crash loses commits"),
        (!whole_pages).then_some("full_page_writes is off: a power cut can tear pages"),
        row.try_get::<bool, _>("standby")?.then_some("the server is a standby: it takes no writes"),
        (row.try_get::<i32, _>("number")? < OLDEST).then_some("the server is older than 14"),
        is_pooled(address, row.try_get("backend")?).await?.then_some(
            "a pooler shares connections between transactions: dead workers are noticed when \
             their leases end, not at once",
        ),
    ];
    Ok(StoreFacts {
        kind: "postgres",
        version: row.try_get("version")?,
        schema: migrate::found(sql).await?,
        wanted: migrate::WANTED,
        now: Timestamp::from_micros(row.try_get("now")?),
        commits: shared.commits(),
        durable: flushes && whole_pages,
        warnings: warnings.into_iter().flatten().map(str::to_owned).collect(),
    })
}

/// Two connections of ours that meet the same server process have a pooler between.
async fn is_pooled(address: &Address, backend: i32) -> Result<bool, Failed> {
    let mut second = address.connect(Purpose::Ordinary).await?;
    let other: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut second).await?;
    // The answer is known; a server that hangs up rudely changes nothing.
    let _ = sqlx::Connection::close(second).await;
    Ok(other == backend)
}
