//! Two clocks: one that waits, for real sockets, and one that only notes what it was asked for.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use mainstay_core::{port::Clock, time::Timestamp};

/// Waits in real time; what it says the time is does not move.
pub(crate) struct Waiting;

#[async_trait]
impl Clock for Waiting {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_712_000_000)
    }

    fn boot(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// Returns from every wait at once and remembers it.
#[derive(Default)]
pub(crate) struct Noting(Mutex<Vec<Duration>>);

impl Noting {
    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Clock for Noting {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn boot(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, span: Duration) {
        self.0.lock().unwrap().push(span);
    }
}
