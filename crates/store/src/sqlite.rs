//! The embedded store: one SQLite file, one writer, a few readers.
//!
//! WAL with `synchronous = FULL`: a commit is on disk before it is acknowledged, and readers
//! never wait for the writer. Several processes may open one file; SQLite puts their writers in
//! order, and one that waits longer than the busy timeout gets [`StoreError::Locked`].

mod allowance;
mod append;
mod claim;
mod error;
mod flows;
mod hint;
mod inbox;
mod index;
mod journal;
mod local;
mod pieces;
mod rehome;
mod reviews;
mod runs;
mod schema;
mod scope;
mod sessions;
mod timers;
mod unexplained;
mod weeks;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use mainstay_core::{
    port::Clock,
    store::{
        Store, StoreError,
        operation::{Operation, Reply},
    },
};
use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use self::{
    error::store_error,
    hint::Hints,
    scope::{Isolation, Scope},
    writer::Writer,
};
use crate::{
    clock::StoreClock,
    hint::{gives_back, makes_ready},
};

const READERS: u32 = 4;

/// How a file is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    clock: StoreClock,
    busy_timeout: Duration,
    missing: Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Refuse,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            clock: StoreClock::default(),
            busy_timeout: Duration::from_secs(5),
            missing: Missing::Make,
        }
    }
}

impl SqliteOptions {
    /// Follows this clock instead of the machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = StoreClock::simulated(clock);
        self
    }

    /// Waits this long for another process's writer; 5 seconds unless told.
    #[must_use]
    pub fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Opens only a file that is there, and leaves its schema as it is: for the doctor and for
    /// `migrate`.
    #[must_use]
    pub fn as_it_is(mut self) -> Self {
        self.missing = Missing::Refuse;
        self
    }
}

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    clock: StoreClock,
    writer: Writer,
    task: tokio::task::JoinHandle<()>,
    readers: SqlitePool,
    hints: Hints,
}

impl SqliteStore {
    /// Opens a file; makes it, its folder and its schema if they are missing.
    ///
    /// # Errors
    /// The file is not SQLite's, is held by another process, belongs to a newer program, or
    /// cannot be made.
    pub async fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        if options.missing == Missing::Make {
            make_folder(&path).await?;
        }
        let connect = connect_options(&path, &options);
        let mut db = connect.connect().await.map_err(|e| named(&path, store_error(e)))?;
        let found = schema::version(&mut db).await.map_err(|e| named(&path, e))?;
        schema::refuse_newer(found)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_lazy_with(connect.pragma("query_only", "ON"));
        let (writer, task) = Writer::start(db, options.clock.clone());
        let hints = Hints::new(&path, readers.clone());
        let store = Self { path, clock: options.clock, writer, task, readers, hints };
        if found.found < schema::WANTED && options.missing == Missing::Make {
            store.writer.execute(Operation::Migrate(())).await?;
        }
        Ok(store)
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until everything that was asked for is written and the file is closed.
    pub async fn close(self) {
        let Self { writer, task, readers, hints, .. } = self;
        drop(hints);
        readers.close().await;
        drop(writer);
        if let Err(error) = task.await {
            tracing::error!(%error, "the SQLite writer ended abnormally");
        }
    }

    async fn read(&self, operation: &Operation) -> Result<Reply, StoreError> {
        let mut db = self.readers.acquire().await.map_err(store_error)?;
        let now = self.clock.now();
        let db: &mut SqliteConnection = &mut db;
        Scope { db, now, isolation: Isolation::Shared }.execute(operation).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        match &operation {
            Operation::Facts(()) => {
                let mut reply = self.read(&operation).await?;
                if let Reply::Facts(facts) = &mut reply {
                    facts.commits = self.writer.commits();
                }
                Ok(reply)
            }
            Operation::Flows(())
            | Operation::Sessions(())
            | Operation::Run(_)
            | Operation::Journal(_)
            | Operation::Payloads(_)
            | Operation::Inbox(_)
            | Operation::Outbox(_)
            | Operation::Reviews(_)
            | Operation::Unexplained(())
            | Operation::MakeWeeks(())
            | Operation::Weeks(_)
            | Operation::WeekRuns(_)
            | Operation::Accounts(_) => self.read(&operation).await,
            Operation::ListRuns(_) => {
                // Nobody runs a projection beside an embedded store: whoever looks brings the
                // list up to date.
                self.writer.execute(Operation::RefreshIndex(u32::MAX)).await?;
                self.read(&operation).await
            }
            Operation::Migrate(())
            | Operation::RegisterFlow(_)
            | Operation::OpenSession(_)
            | Operation::Beat(_)
            | Operation::CloseSession(_)
            | Operation::Revoke(_)
            | Operation::TakeOver(_)
            | Operation::CreateRun(_)
            | Operation::Claim(_)
            | Operation::Append(_)
            | Operation::Deliver(_)
            | Operation::FireTimers(_)
            | Operation::OutboxDone(_)
            | Operation::Decide(_)
            | Operation::RefreshIndex(_)
            | Operation::RebuildIndex(())
            | Operation::Hold(_)
            | Operation::LendPayloads(_)
            | Operation::Rehome(_)
            | Operation::DropWeek(_)
            | Operation::LeaseChunk(_)
            | Operation::ReportChunk(_) => {
                let released = matches!(&operation, Operation::Append(parts) if gives_back(parts));
                let reply = self.writer.execute(operation).await?;
                if released || makes_ready(&reply) {
                    self.hints.say();
                }
                Ok(reply)
            }
        }
    }

    async fn hinted(&self) {
        self.hints.hinted().await;
    }
}

fn connect_options(path: &Path, options: &SqliteOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(options.missing == Missing::Make)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging()
}

async fn make_folder(path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    tokio::fs::create_dir_all(folder)
        .await
        .map_err(|e| StoreError::Unreachable(format!("making {}: {e}", folder.display())))
}

/// Adds the file's name to an error that comes from opening it.
fn named(path: &Path, error: StoreError) -> StoreError {
    let path = path.display();
    match error {
        StoreError::Corrupt(why) => StoreError::Corrupt(format!("{path}: {why}")),
        StoreError::Locked(why) => StoreError::Locked(format!("{path}: {why}")),
        StoreError::Unreachable(why) => StoreError::Unreachable(format!("{path}: {why}")),
        other @ (StoreError::Schema { .. }
        | StoreError::Poison { .. }
        | StoreError::Illegal(_)
        | StoreError::Reply(_)) => other,
    }
}
