//! A real store inside simulated time: an operation takes no time, and nothing happens during it.
//!
//! A store with threads and sockets answers when it answers, and what else happens meanwhile is
//! the machine's choice. Here the operation runs on a runtime of its own while the case's thread
//! stands still: so a case on `SQLite` or Postgres is the same case every time, as in memory. How
//! long operations take in simulated time, the case says.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
    mpsc::channel,
};

use async_trait::async_trait;
use mainstay_core::{
    port::Clock,
    store::{
        Store, StoreError,
        operation::{Operation, Reply},
    },
    time::Timestamp,
};
use tokio::runtime::Handle;

use crate::clock::SimulatedClock;

/// A store on a runtime of its own.
pub(super) struct Sealed {
    pub(super) inner: Arc<dyn Store>,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) shown: Arc<Shown>,
    pub(super) side: Handle,
}

#[async_trait]
impl Store for Sealed {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        self.shown.show(self.clock.now());
        let (inner, (tell, told)) = (self.inner.clone(), channel());
        self.side.spawn(async move { tell.send(inner.execute(operation).await) });
        let gone = |_| StoreError::Unreachable("the store's runtime is gone".to_owned());
        told.recv().map_err(gone)?
    }
}

/// The time as the case showed it last: simulated time is not to be read from other threads.
#[derive(Debug, Default)]
pub(super) struct Shown(AtomicI64);

impl Shown {
    pub(super) fn show(&self, now: Timestamp) {
        self.0.store(now.micros(), Ordering::Release);
    }
}

#[async_trait]
impl Clock for Shown {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Acquire))
    }

    fn boot(&self) -> std::time::Duration {
        std::time::Duration::from_micros(self.now().micros().unsigned_abs())
    }

    async fn sleep(&self, _: std::time::Duration) {
        std::future::pending::<()>().await;
    }
}
