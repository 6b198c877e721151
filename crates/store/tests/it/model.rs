//! The model as a store.

use std::sync::Arc;

use mainstay_store::{
    conformance::{ManualClock, Subject},
    model::MemoryStore,
};

#[expect(clippy::unused_async, reason = "the suite opens every store the same way")]
async fn fresh(clock: Arc<ManualClock>) -> Subject {
    let store = Arc::new(MemoryStore::default().with_clock(clock.clone()));
    Subject { store, clock, guard: Box::new(()) }
}

mainstay_store::store_conformance!(conforms, fresh);

#[tokio::test]
async fn one_seed_gives_one_sequence() {
    crate::differential::check(|| fresh(Arc::default()), 30_000).await;
}
