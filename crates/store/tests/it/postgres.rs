//! Postgres on a real server: conformance first, then what only it has.

use std::sync::Arc;

use mainstay_core::store::Store;
use mainstay_store::{
    conformance::{ManualClock, Subject},
    postgres::{PostgresOptions, PostgresStore},
};
use mainstay_testing::postgres::TestDatabase;

async fn open(url: &str, clock: &Arc<ManualClock>) -> PostgresStore {
    let options = PostgresOptions::default().with_clock(clock.clone());
    PostgresStore::connect(url, options).await.unwrap()
}

async fn fresh(clock: Arc<ManualClock>) -> Subject {
    let database = TestDatabase::create().await.unwrap();
    let store: Arc<dyn Store> = Arc::new(open(database.url(), &clock).await);
    store.migrate(()).await.unwrap();
    Subject { store, clock, guard: Box::new(database) }
}

mainstay_store::store_conformance!(conforms, fresh);
