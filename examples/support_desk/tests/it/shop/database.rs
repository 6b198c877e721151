//! A database of one test's own: a file on a real disk, or a throwaway one on a real server.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use mainstay_testing::postgres::TestDatabase;
use support_desk::shop::{SEED, Shop};

/// Keeps the database for as long as the test runs.
pub(crate) enum Database {
    File(PathBuf),
    Server(TestDatabase),
}

pub(crate) async fn sqlite() -> Database {
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
    pub(crate) async fn shop(&self) -> Shop {
        let url = match self {
            Self::File(folder) => format!("sqlite://{}", folder.join("shop.db").display()),
            Self::Server(database) => database.url().to_owned(),
        };
        let shop = Shop::open(&url).await.unwrap();
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
