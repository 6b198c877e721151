//! The database of a drill, and what starts, reads and decides there.

use std::{
    fs,
    path::PathBuf,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};
use mainstay::{Flow, Resources, StartRun};
use mainstay_core::{
    id::RunId,
    model::ModelCatalog,
    port::{Clock, Entropy},
    run::RunStatus,
    store::Store,
};
use mainstay_engine::{
    flows::Flows,
    program::FlowProgram,
    runtime::Runtime,
    system::{OsEntropy, SystemClock},
};
use mainstay_providers::prices::Prices;
use mainstay_store::{
    postgres::{PostgresOptions, PostgresStore},
    sqlite::{SqliteOptions, SqliteStore},
};
use mainstay_testing::postgres::TestDatabase;
use serde_json::json;

use crate::{
    Fault,
    bomb::Bomb,
    chain::{PAYLOAD, chain},
    errand::{self, Errand},
    march::March,
    question::Question,
    vigil::Vigil,
};

/// Runs started at the same time.
const STARTS: usize = 16;

/// The store drilled on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file, several processes on it.
    Sqlite,
    /// A server.
    Postgres,
}

impl Kind {
    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl FromStr for Kind {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            other => Err(format!("there is no store `{other}`: write sqlite or postgres").into()),
        }
    }
}

/// A database of one drill's own.
#[derive(Debug)]
pub struct Place {
    url: String,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Folder(PathBuf),
    Database { _kept: TestDatabase },
}

impl Place {
    /// Makes a database: a file, or one on the server that is found or started.
    ///
    /// # Errors
    /// There is no server to be had, or no folder to write in.
    pub async fn make(kind: Kind) -> Result<Self, Fault> {
        match kind {
            Kind::Sqlite => Self::file(),
            Kind::Postgres => Ok(Self::of(TestDatabase::create().await?)),
        }
    }

    /// Makes a database on the server of this URL.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn on(server: &str) -> Result<Self, Fault> {
        Ok(Self::of(TestDatabase::create_on(server).await?))
    }

    fn of(database: TestDatabase) -> Self {
        Self { url: database.url().to_owned(), held: Held::Database { _kept: database } }
    }

    fn file() -> Result<Self, Fault> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mainstay-drill-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        let url = format!("sqlite://{}", folder.join("drill.db").display());
        Ok(Self { url, held: Held::Folder(folder) })
    }

    /// Returns the address that workers are given.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens its store, with the schema in it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn store(&self) -> Result<Arc<dyn Store>, Fault> {
        let store: Arc<dyn Store> = match self.url.strip_prefix("sqlite://") {
            Some(path) => Arc::new(SqliteStore::open(path, SqliteOptions::default()).await?),
            None => Arc::new(PostgresStore::connect(&self.url, PostgresOptions::default()).await?),
        };
        store.migrate(()).await?;
        Ok(store)
    }

    /// Opens a runtime that starts, reads and decides, and has no tools to act with.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn office(&self) -> Result<Office, Fault> {
        self.office_with(Resources::new()).await
    }

    /// Opens a runtime that can also drive, with what its tools work on.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn office_with(&self, resources: Resources) -> Result<Office, Fault> {
        let runtime = runtime(self.store().await?, resources, chain(PAYLOAD))?;
        for flow in runtime.flows.iter() {
            runtime.store.register_flow(flow.program.definition().clone()).await?;
        }
        Ok(Office { runtime: Arc::new(runtime) })
    }
}

/// Returns a runtime with every flow and tool of the drills, on this machine's clock.
///
/// # Errors
/// The tools cannot be opened.
pub fn runtime(
    store: Arc<dyn Store>,
    resources: Resources,
    chain: Arc<dyn FlowProgram>,
) -> Result<Runtime, Fault> {
    timed(store, resources, chain, (Arc::new(SystemClock), Arc::new(OsEntropy)))
}

/// Returns such a runtime with a clock and a source of randomness of the caller's.
///
/// # Errors
/// The tools cannot be opened.
pub fn timed(
    store: Arc<dyn Store>,
    resources: Resources,
    chain: Arc<dyn FlowProgram>,
    (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>),
) -> Result<Runtime, Fault> {
    let tools = errand::tools().open(resources, Arc::clone(&clock))?;
    let schema = tools.schema();
    let tools = (Arc::new(tools) as Arc<_>, schema as Arc<_>);
    let mut flows = Flows::default();
    flows.add(Errand::program());
    flows.add(Question::program());
    flows.add(March::program());
    flows.add(Bomb::program());
    flows.add(Vigil::program());
    flows.add(chain);
    let models = ModelCatalog::new(Arc::new(Prices::bundled()));
    Ok(Runtime::new(store, clock, entropy, flows, models, tools))
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Held::Folder(folder) = &self.held {
            // A folder that stays behind in the temporary one harms nobody.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Where runs are started, watched and decided upon.
#[derive(Debug, Clone)]
pub struct Office {
    /// Its runtime.
    pub runtime: Arc<Runtime>,
}

impl Office {
    /// Starts errands with these numbers, at most once each.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn start(&self, numbers: std::ops::Range<u32>) -> Result<Vec<RunId>, Fault> {
        let start = |number| {
            let wish = StartRun::new("errand", json!({ "number": number }));
            self.runtime.start(StartRun { key: Some(format!("errand {number}")), ..wish })
        };
        let started = stream::iter(numbers).map(start).buffered(STARTS);
        Ok(started.map_ok(|started| started.run_id).try_collect().await?)
    }

    /// Returns which of these runs have not ended.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn unfinished(&self, runs: &[RunId]) -> Result<Vec<RunId>, Fault> {
        let mut left = Vec::new();
        for run_id in runs {
            if !self.runtime.row(*run_id).await?.status.is_terminal() {
                left.push(*run_id);
            }
        }
        Ok(left)
    }

    /// Returns how each of these runs ended: nothing for those that completed, else why.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn endings(&self, runs: &[RunId]) -> Result<Vec<Option<String>>, Fault> {
        let mut endings = Vec::new();
        for run_id in runs {
            let status = self.runtime.row(*run_id).await?.status;
            endings.push(match status {
                RunStatus::Completed => None,
                RunStatus::Queued
                | RunStatus::Running
                | RunStatus::Parked
                | RunStatus::Failed
                | RunStatus::Cancelled
                | RunStatus::Partial => Some(self.failure(*run_id).await?),
            });
        }
        Ok(endings)
    }

    async fn failure(&self, run_id: RunId) -> Result<String, Fault> {
        let view = self.runtime.view(run_id).await?;
        let failure = view.projection.finished.as_ref().and_then(|end| end.failure.as_ref());
        let why = failure.map_or("no reason is given".to_owned(), ToString::to_string);
        Ok(format!("{}: {why}", view.row.status.as_str()))
    }

    /// Waits until so many sessions are alive.
    ///
    /// # Errors
    /// They are not within `patience`, or the store does not answer.
    pub async fn staffed(&self, workers: usize, patience: Duration) -> Result<(), Fault> {
        let wait = async {
            loop {
                let sessions = self.runtime.store.sessions(()).await?;
                let alive = sessions.iter().filter(|s| !s.revoked && !s.left.is_zero());
                if alive.count() >= workers {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(patience, wait).await.map_err(|_| "the workers did not come")?
    }
}
