//! A store that counts the steps and the runs that end through it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use mainstay_core::store::{
    Store, StoreError,
    operation::{Append, Appended, Operation, Reply, RowChange},
};
use tokio::sync::Notify;

/// The store under measurement, and what it has counted.
pub struct Odometer {
    inner: Arc<dyn Store>,
    steps: AtomicU64,
    runs: AtomicU64,
    moved: Notify,
}

impl Odometer {
    /// Counts what passes through to this store.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, steps: AtomicU64::new(0), runs: AtomicU64::new(0), moved: Notify::new() }
    }

    /// Returns how many steps ended, each in a commit that was accepted.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Returns how many runs ended.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Waits until so many runs have ended, without a look at the store.
    pub async fn ended(&self, runs: u64) {
        while self.runs() < runs {
            self.moved.notified().await;
        }
    }

    fn count(&self, ended: &[(u64, u64)], answers: &[Appended]) {
        let accepted = ended.iter().zip(answers);
        for ((steps, runs), _) in accepted.filter(|(_, answer)| **answer == Appended::Accepted) {
            self.steps.fetch_add(*steps, Ordering::Relaxed);
            self.runs.fetch_add(*runs, Ordering::Relaxed);
        }
        // It keeps one call for who does not wait yet.
        self.moved.notify_one();
    }
}

impl std::fmt::Debug for Odometer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Odometer").field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// Returns the steps and the runs that end with a part.
fn ended(part: &Append) -> (u64, u64) {
    let steps = part.rows.iter().filter(|row| row.kind == "step_finished").count() as u64;
    (steps, u64::from(matches!(part.change, RowChange::Finish { .. })))
}

#[async_trait]
impl Store for Odometer {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        let Operation::Append(parts) = &operation else {
            return self.inner.execute(operation).await;
        };
        let ended: Vec<_> = parts.iter().map(ended).collect();
        let reply = self.inner.execute(operation).await;
        if let Ok(Reply::Append(answers)) = &reply {
            self.count(&ended, answers);
        }
        reply
    }

    async fn hinted(&self) {
        self.inner.hinted().await;
    }
}
