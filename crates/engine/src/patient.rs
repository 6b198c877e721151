//! A store that is asked again when it does not answer.
//!
//! Only what reads, and what names all its amounts in full, so that the same again changes nothing:
//! another operation may have happened, and the caller alone knows how to find out. Appends have their own way ([`crate::commit`]).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mainstay_core::{
    port::Clock,
    store::{
        Store, StoreError,
        operation::{Operation, Reply},
    },
};

use crate::lease::Lease;

/// Waits between two tries: from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A worker's view of its store, for as long as its lease holds.
pub(crate) struct Patient {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    lease: Arc<Lease>,
}

impl Patient {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, lease: Arc<Lease>) -> Self {
        Self { store, clock, lease }
    }
}

const fn may_repeat(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Run(_)
            | Operation::Journal(_)
            | Operation::Payloads(_)
            | Operation::Inbox(_)
            | Operation::Flows(())
            | Operation::LeaseChunk(_)
    )
}

#[async_trait]
impl Store for Patient {
    async fn hinted(&self) {
        self.store.hinted().await;
    }

    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        if !may_repeat(&operation) {
            return self.store.execute(operation).await;
        }
        let mut wait = BACKOFF.0;
        loop {
            match self.store.execute(operation.clone()).await {
                Err(StoreError::Unreachable(_) | StoreError::Locked(_))
                    if self.lease.holds(self.clock.boot()) =>
                {
                    self.clock.sleep(wait).await;
                    wait = (wait * 2).min(BACKOFF.1);
                }
                answer => return answer,
            }
        }
    }
}
