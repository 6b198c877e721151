//! One row a commit, on Postgres.

use std::{str::FromStr, sync::Arc, time::Duration};

use mainstay_core::port::Clock;
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Load, Reference, ReferenceError, Times, each_us, fresh, rate};

const DROP: &str = "DROP TABLE IF EXISTS mainstay.reference";
const CREATE: &str = "
CREATE TABLE mainstay.reference (
    run_id uuid, position int, payload text NOT NULL, PRIMARY KEY (run_id, position)
)";
const INSERT: &str =
    "INSERT INTO mainstay.reference (run_id, position, payload) VALUES ($1, $2, $3)";
const SETTINGS: &str = "
SELECT current_setting('fsync') = 'on', current_setting('synchronous_commit') <> 'off'";

impl From<sqlx::Error> for ReferenceError {
    fn from(error: sqlx::Error) -> Self {
        Self::because(error)
    }
}

/// Connects with what the server and the URL say about durability.
pub(super) async fn connect(url: &str) -> Result<PgConnection, ReferenceError> {
    // The driver's words may hold the password.
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| ReferenceError::because("the URL is not one of a Postgres"))?;
    let options = options.application_name("mainstay bench").disable_statement_logging();
    Ok(PgConnection::connect_with(&options).await?)
}

pub(super) async fn refuse_unsafe(sql: &mut PgConnection) -> Result<(), ReferenceError> {
    let (fsync, waits): (bool, bool) = sqlx::query_as(SETTINGS).fetch_one(sql).await?;
    match (fsync, waits) {
        (false, _) => Err(ReferenceError::Unsafe("fsync = off")),
        (true, false) => Err(ReferenceError::Unsafe("synchronous_commit = off")),
        (true, true) => Ok(()),
    }
}

pub(super) async fn measure(
    url: &str,
    load: Load,
    clock: &Arc<dyn Clock>,
    cpu: fn() -> Duration,
) -> Result<Reference, ReferenceError> {
    let mut first = connect(url).await?;
    sqlx::query(DROP).execute(&mut first).await?;
    sqlx::query(CREATE).execute(&mut first).await?;
    let measured = with_table(url, &mut first, load, clock, cpu).await;
    sqlx::query(DROP).execute(&mut first).await?;
    first.close().await?;
    measured
}

async fn with_table(
    url: &str,
    first: &mut PgConnection,
    load: Load,
    clock: &Arc<dyn Clock>,
    cpu: fn() -> Duration,
) -> Result<Reference, ReferenceError> {
    let flush_p50_us = flushes(first, load, clock).await?.p50_us();
    let commit_p50_us = commits(first, load, clock).await?.p50_us();
    let mut writers = Vec::with_capacity(load.connections);
    for number in 1..=load.connections.max(1) {
        writers.push(Writer::open(url, number, load.payload_bytes).await?);
    }
    let (start, used) = (clock.boot(), cpu());
    let end = start + load.span;
    let mut tasks = JoinSet::new();
    for writer in writers {
        tasks.spawn(writer.until(end, Arc::clone(clock)));
    }
    let mut rows = 0;
    while let Some(written) = tasks.join_next().await {
        rows += written.map_err(ReferenceError::because)??;
    }
    let took = clock.boot().saturating_sub(start);
    Ok(Reference {
        one_row_commits_per_s: rate(rows, took),
        flush_p50_us,
        commit_p50_us,
        cpu_us_per_commit: each_us(cpu().saturating_sub(used), rows),
    })
}

/// Times commits alone, for a quarter of the span.
async fn flushes(
    sql: &mut PgConnection,
    load: Load,
    clock: &Arc<dyn Clock>,
) -> Result<Times, ReferenceError> {
    let end = clock.boot() + load.span / 4;
    let (run, mut flushes, mut position) = (Uuid::from_u128(0), Times::default(), 0);
    while clock.boot() < end {
        let mut transaction = sql.begin().await?;
        insert(&mut transaction, run, position, load.payload_bytes).await?;
        let before = clock.boot();
        transaction.commit().await?;
        flushes.0.push(clock.boot().saturating_sub(before));
        position += 1;
    }
    Ok(flushes)
}

/// Times rows that commit by themselves, for a quarter of the span.
async fn commits(
    sql: &mut PgConnection,
    load: Load,
    clock: &Arc<dyn Clock>,
) -> Result<Times, ReferenceError> {
    let end = clock.boot() + load.span / 4;
    let (mut commits, mut position) = (Times::default(), i32::MIN);
    while clock.boot() < end {
        let before = clock.boot();
        insert(sql, Uuid::from_u128(0), position, load.payload_bytes).await?;
        commits.0.push(clock.boot().saturating_sub(before));
        position += 1;
    }
    Ok(commits)
}

/// One connection, which writes the rows of one run.
struct Writer {
    sql: PgConnection,
    run: Uuid,
    payload_bytes: usize,
}

impl Writer {
    async fn open(url: &str, number: usize, payload_bytes: usize) -> Result<Self, ReferenceError> {
        let mut sql = connect(url).await?;
        sqlx::query("SET synchronous_commit = on").execute(&mut sql).await?;
        let mut writer = Self { sql, run: Uuid::from_u128(number as u128), payload_bytes };
        // The statement is prepared before the clock runs.
        insert(&mut writer.sql, writer.run, -1, payload_bytes).await?;
        Ok(writer)
    }

    async fn until(mut self, end: Duration, clock: Arc<dyn Clock>) -> Result<u64, ReferenceError> {
        let mut position = 0;
        while clock.boot() < end {
            insert(&mut self.sql, self.run, position, self.payload_bytes).await?;
            position += 1;
        }
        self.sql.close().await?;
        Ok(u64::from(position.unsigned_abs()))
    }
}

async fn insert(
    sql: &mut PgConnection,
    run: Uuid,
    position: i32,
    bytes: usize,
) -> Result<(), ReferenceError> {
    let payload = fresh(u64::from(position.unsigned_abs()), bytes);
    sqlx::query(INSERT).bind(run).bind(position).bind(payload).execute(sql).await?;
    Ok(())
}
