//! What a database does without an engine: the figure that any engine's speed is held against.
//!
//! # Why one row a commit
//!
//! Steps per second say more about a disk than about an engine. The same bytes as one prepared
//! `INSERT`, committed by itself, on as many connections as runs are driven at the same time, are
//! the least that any durable step could cost without sharing commits. An engine is measured as a
//! multiple of that, on the same database, in the same minutes.

mod payload;
mod postgres;
mod sqlite;
mod wal;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use mainstay_core::{code::Code, port::Clock, store::StoreError};

pub use self::{
    payload::fresh,
    wal::{WalMark, WalMeter},
};

/// The database that is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A Postgres server, by URL.
    Postgres(String),
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Connections that commit at the same time; SQLite has one writer whatever is said here.
    pub connections: usize,
    /// Bytes of each row's payload.
    pub payload_bytes: usize,
    /// How long to measure.
    pub span: Duration,
}

/// What the database did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reference {
    /// Rows per second over all connections, each row in a commit of its own.
    pub one_row_commits_per_s: f64,
    /// The median time of a `COMMIT` of one row, on one connection while nothing else runs, in
    /// microseconds: a round trip and a flush.
    pub flush_p50_us: u64,
    /// The median time of one such row and its commit, on one connection while nothing else runs,
    /// in microseconds.
    pub commit_p50_us: u64,
    /// Processor time of this process for each of the rows a second, in microseconds.
    pub cpu_us_per_commit: f64,
}

impl Reference {
    /// Returns the better of two measurements: what disturbs a machine only makes it slower.
    #[must_use]
    pub fn faster(self, other: Self) -> Self {
        Self {
            one_row_commits_per_s: self.one_row_commits_per_s.max(other.one_row_commits_per_s),
            flush_p50_us: self.flush_p50_us.min(other.flush_p50_us),
            commit_p50_us: self.commit_p50_us.min(other.commit_p50_us),
            cpu_us_per_commit: self.cpu_us_per_commit.min(other.cpu_us_per_commit),
        }
    }
}

/// Why there is no reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceError {
    /// The server acknowledges what it has not flushed; the setting that says so.
    Unsafe(&'static str),
    /// The database does not answer, or refuses.
    Store(StoreError),
}

impl ReferenceError {
    /// Returns the code with its page.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unsafe(_) => Code::UnsafeReference,
            Self::Store(error) => error.code(),
        }
    }

    fn because(error: impl fmt::Display) -> Self {
        Self::Store(StoreError::Unreachable(error.to_string()))
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsafe(setting) => {
                write!(f, "the server runs with {setting}: what it acknowledges may not be on disk")
            }
            Self::Store(_) => f.write_str("the reference could not be measured"),
        }
    }
}

impl std::error::Error for ReferenceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unsafe(_) => None,
            Self::Store(error) => Some(error),
        }
    }
}

impl Target {
    /// Looks whether what the database acknowledges is on disk. A SQLite file is: it is always
    /// opened with `synchronous = FULL`.
    ///
    /// # Errors
    /// It is not, or the server cannot be reached.
    pub async fn refuse_unsafe(&self) -> Result<(), ReferenceError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(url) => {
                postgres::refuse_unsafe(&mut postgres::connect(url).await?).await
            }
        }
    }

    /// Measures, in a table of its own that is gone afterwards. The schema must be there; `cpu` says
    /// how much processor time this process has used.
    ///
    /// # Errors
    /// The server does not flush, or does not answer.
    pub async fn measure(
        &self,
        load: Load,
        clock: &Arc<dyn Clock>,
        cpu: fn() -> Duration,
    ) -> Result<Reference, ReferenceError> {
        self.refuse_unsafe().await?;
        match self {
            Self::Sqlite(path) => sqlite::measure(path, load, clock, cpu).await,
            Self::Postgres(url) => postgres::measure(url, load, clock, cpu).await,
        }
    }
}

/// Returns the processor time of each row, in microseconds; none of no rows.
#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people; 2^52 rows would take centuries"
)]
fn each_us(used: Duration, rows: u64) -> f64 {
    used.as_secs_f64() * 1e6 / rows.max(1) as f64
}

/// Times of single commits.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn p50_us(mut self) -> u64 {
        self.0.sort_unstable();
        let median = self.0.get(self.0.len() / 2).copied().unwrap_or_default();
        u64::try_from(median.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Returns how many per second; none in no time.
#[expect(clippy::cast_precision_loss, reason = "a rate for people; 2^52 rows would take centuries")]
fn rate(rows: u64, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64().max(f64::EPSILON)
}
