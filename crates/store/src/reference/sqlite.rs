//! One row a commit, on SQLite: one writer, `synchronous = FULL`, as the store writes.
//!
//! The log is made as long as it gets before anything is timed. A flush of a file that grows also
//! writes the file system's own log and takes two to eight times as long as a flush of one that is
//! written over; SQLite meets the slow ones until its first checkpoint and never again.

use std::{path::Path, sync::Arc, time::Duration};

use mainstay_core::port::Clock;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use uuid::Uuid;

use super::{Load, Reference, ReferenceError, Times, each_us, fresh, rate};

const DROP: &str = "DROP TABLE IF EXISTS mainstay_reference";
const CREATE: &str = "
CREATE TABLE mainstay_reference (
    run_id BLOB NOT NULL, position INTEGER NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID";
/// More than the log holds between two checkpoints (1,000 pages of 4 KiB by default).
const LOG_BYTES: usize = 8 << 20;
const REWIND_LOG: &str = "PRAGMA wal_checkpoint(RESTART)";
const INSERT: &str = "INSERT INTO mainstay_reference (run_id, position, payload) VALUES (?, ?, ?)";

pub(super) async fn measure(
    path: &Path,
    load: Load,
    clock: &Arc<dyn Clock>,
    cpu: fn() -> Duration,
) -> Result<Reference, ReferenceError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let mut sql = options.connect().await?;
    sqlx::query(DROP).execute(&mut sql).await?;
    sqlx::query(CREATE).execute(&mut sql).await?;
    let measured = with_table(&mut sql, load, clock, cpu).await;
    sqlx::query(DROP).execute(&mut sql).await?;
    sql.close().await?;
    measured
}

async fn with_table(
    sql: &mut SqliteConnection,
    load: Load,
    clock: &Arc<dyn Clock>,
    cpu: fn() -> Duration,
) -> Result<Reference, ReferenceError> {
    lengthen_log(sql, load.payload_bytes).await?;
    let flush_p50_us = flushes(sql, load, clock).await?.p50_us();
    let (start, used, mut rows, mut commits) = (clock.boot(), cpu(), 0, Times::default());
    while clock.boot() < start + load.span {
        let before = clock.boot();
        insert(sql, 1, rows, load.payload_bytes).await?;
        commits.0.push(clock.boot().saturating_sub(before));
        rows += 1;
    }
    let (took, used) = (clock.boot().saturating_sub(start), cpu().saturating_sub(used));
    Ok(Reference {
        one_row_commits_per_s: rate(rows.unsigned_abs(), took),
        flush_p50_us,
        commit_p50_us: commits.p50_us(),
        cpu_us_per_commit: each_us(used, rows.unsigned_abs()),
    })
}

/// Writes the log to its full length in one transaction, then lets it begin anew.
async fn lengthen_log(sql: &mut SqliteConnection, bytes: usize) -> Result<(), ReferenceError> {
    let mut transaction = sql.begin().await?;
    for position in 0..i64::try_from(LOG_BYTES / bytes.max(64)).unwrap_or(i64::MAX) {
        insert(&mut transaction, 2, position, bytes).await?;
    }
    transaction.commit().await?;
    sqlx::query(REWIND_LOG).execute(sql).await?;
    Ok(())
}

/// Times commits alone, for a quarter of the span.
async fn flushes(
    sql: &mut SqliteConnection,
    load: Load,
    clock: &Arc<dyn Clock>,
) -> Result<Times, ReferenceError> {
    let end = clock.boot() + load.span / 4;
    let (mut flushes, mut position) = (Times::default(), 0);
    while clock.boot() < end {
        let mut transaction = sql.begin().await?;
        insert(&mut transaction, 0, position, load.payload_bytes).await?;
        let before = clock.boot();
        transaction.commit().await?;
        flushes.0.push(clock.boot().saturating_sub(before));
        position += 1;
    }
    Ok(flushes)
}

async fn insert(
    sql: &mut SqliteConnection,
    run: u128,
    position: i64,
    bytes: usize,
) -> Result<(), ReferenceError> {
    let run = Uuid::from_u128(run).as_bytes().to_vec();
    let payload = fresh(position.unsigned_abs(), bytes);
    sqlx::query(INSERT).bind(run).bind(position).bind(payload).execute(sql).await?;
    Ok(())
}
