//! The model as a store: behind a lock, with a clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use mainstay_core::{
    port::Clock,
    store::{
        Store, StoreError,
        operation::{Operation, Reply},
    },
};

use super::Model;
use crate::clock::StoreClock;

/// A store that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    model: Mutex<Model>,
    clock: StoreClock,
}

impl MemoryStore {
    /// Follows this clock instead of the machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = StoreClock::simulated(clock);
        self
    }

    /// Returns a copy of what it holds.
    #[must_use]
    pub fn model(&self) -> Model {
        self.lock().clone()
    }

    /// A panic inside the lock cannot leave half an operation: nothing in the model panics.
    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        let now = self.clock.now();
        self.lock().apply(now, &operation)
    }
}
