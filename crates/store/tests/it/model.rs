//! The model as a store.

use std::sync::Arc;

use mainstay_store::{
    conformance::{ManualClock, Subject},
    model::MemoryStore,
};

async fn fresh(clock: Arc<ManualClock>) -> Subject {
    let store = Arc::new(MemoryStore::default().with_clock(clock.clone()));
    Subject { store, clock, guard: Box::new(()) }
}

mainstay_store::store_conformance!(conforms, fresh);
