//! A database of one test's own: a file on a real disk, or a throwaway one on a real server.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use mainstay_core::store::Store;
use mainstay_store::{
    postgres::{PostgresOptions, PostgresStore},
    sqlite::{SqliteOptions, SqliteStore},
};
use mainstay_testing::postgres::TestDatabase;
use support_desk::shop::{SEED, Shop};

/// Keeps the database for as long as the test runs.
pub(crate) enum Database {
    File(PathBuf),
    Server(TestDatabase),
}

pub(crate) fn sqlite() -> Database {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("shop-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    Database::File(folder)
}

pub(crate) async fn postgres() -> Database {
    Database::Server(TestDatabase::create().await.unwrap())
}

impl Database {
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let store: Arc<dyn Store> = match self {
            Self::File(folder) => Arc::new(
                SqliteStore::open(folder.join("desk.db"), SqliteOptions::default()).await.unwrap(),
            ),
            Self::Server(database) => Arc::new(
                PostgresStore::connect(database.url(), PostgresOptions::default()).await.unwrap(),
            ),
        };
        store.migrate(()).await.unwrap();
        store
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::File(folder) => format!("sqlite://{}", folder.join("desk.db").display()),
            Self::Server(database) => database.url().to_owned(),
        }
    }

    pub(crate) async fn shop(&self) -> Shop {
        let shop = Shop::open(&self.url()).await.unwrap();
        shop.create_and_fill(SEED).await.unwrap();
        shop
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Self::File(folder) = self {
            let _ = fs::remove_dir_all(folder);
        }
    }
}
