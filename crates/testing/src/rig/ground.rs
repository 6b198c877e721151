//! The stores a test can stand on, each empty when it begins.

use std::{path::PathBuf, sync::Arc, time::Duration};

use mainstay_core::{
    port::{Clock, Entropy},
    store::Store,
};
use mainstay_engine::system::OsEntropy;
use mainstay_store::{
    model::MemoryStore,
    postgres::{PostgresOptions, PostgresStore},
    sqlite::{SqliteOptions, SqliteStore},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::{clock::SimulatedClock, postgres::TestDatabase};

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ground {
    /// The pure model of the protocol: the fastest.
    #[default]
    Memory,
    /// A file in a folder of its own.
    Sqlite,
    /// A database of its own on whatever server there is; see [`crate::postgres`].
    Postgres,
}

impl std::fmt::Display for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

impl Ground {
    /// Returns a clock on which nobody looks more often than the store can bear.
    pub(crate) fn clock(self) -> SimulatedClock {
        let milliseconds = match self {
            Self::Memory => 1,
            Self::Sqlite => 3,
            Self::Postgres => 8,
        };
        SimulatedClock::default().with_longest_wait(Duration::from_millis(milliseconds))
    }
}

/// A piece of ground: one store after another, each empty.
pub(crate) enum Plot {
    Memory,
    Sqlite { folder: Folder, files: u32 },
    Postgres { database: TestDatabase },
}

impl Plot {
    pub(crate) async fn on(ground: Ground) -> Result<Self, String> {
        Ok(match ground {
            Ground::Memory => Self::Memory,
            Ground::Sqlite => Self::Sqlite { folder: Folder::make()?, files: 0 },
            Ground::Postgres => {
                let database = TestDatabase::create().await.map_err(|e| e.to_string())?;
                Self::Postgres { database }
            }
        })
    }

    /// Returns an empty store with its schema, and where its database is.
    pub(crate) async fn fresh(
        &mut self,
        clock: Arc<dyn Clock>,
    ) -> Result<(Arc<dyn Store>, Option<String>), String> {
        let (store, url): (Arc<dyn Store>, _) = match self {
            Self::Memory => (Arc::new(MemoryStore::default().with_clock(clock)), None),
            Self::Sqlite { folder, files } => {
                let path = folder.0.join(format!("{files}.db"));
                *files += 1;
                let options = SqliteOptions::default().with_clock(clock);
                let store = SqliteStore::open(&path, options).await.map_err(|e| e.to_string())?;
                (Arc::new(store), Some(format!("sqlite://{}", path.display())))
            }
            Self::Postgres { database } => {
                let url = database.url().to_owned();
                empty(&url).await.map_err(|e| format!("emptying the database: {e}"))?;
                let options = PostgresOptions::default()
                    .with_clock(clock)
                    .with_appenders(1)
                    .with_connections(2);
                let store =
                    PostgresStore::connect(&url, options).await.map_err(|e| e.to_string())?;
                (Arc::new(store), Some(url))
            }
        };
        store.migrate(()).await.map_err(|e| e.to_string())?;
        Ok((store, url))
    }
}

/// Empties what an earlier test left: the store's tables row by row, which is quicker than making
/// them anew, and everything outside its schema.
async fn empty(url: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let tables = sqlx::query(
        "SELECT format('DELETE FROM %I.%I', schemaname, tablename) FROM pg_tables
         WHERE schemaname = 'mainstay' AND tablename <> 'schema_version'",
    );
    let mut script = vec!["DROP SCHEMA public CASCADE; CREATE SCHEMA public".to_owned()];
    for row in tables.fetch_all(&mut connection).await? {
        script.push(row.try_get(0)?);
    }
    sqlx::raw_sql(AssertSqlSafe(script.join(";"))).execute(&mut connection).await?;
    connection.close().await
}

/// A folder that is gone with its value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, String> {
        let name: String = OsEntropy.draw().iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("mainstay_test_{name}"));
        std::fs::create_dir_all(&path).map_err(|e| format!("making {}: {e}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "test folder left behind");
        }
    }
}
