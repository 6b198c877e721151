//! Making a run's entries durable, through a store that may not answer.
//!
//! # Where the appends of many runs become one commit
//!
//! In the store, which has the connections: whatever was handed in while one transaction was under
//! way shares the next one.
//!
//! # Why a lost answer is no problem
//!
//! When the answer to an append is lost, the same append is sent again. The fence refuses it if it
//! had been accepted, and says which link stands in its place: if that is our own, it was.

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    port::Clock,
    store::{
        Store, StoreError,
        operation::{Append, Appended},
    },
};

use crate::lease::Lease;

/// Waits between two tries at a store that does not answer: from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Where drivers hand in their appends.
#[derive(Clone)]
pub(crate) struct Committer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    lease: Arc<Lease>,
}

impl Committer {
    /// Commits under a worker's lease.
    pub(crate) const fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        lease: Arc<Lease>,
    ) -> Self {
        Self { store, clock, lease }
    }

    /// Makes one run's entries durable, with whatever others hand in at the same time. At most one
    /// append of a run may be under way.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let own = append.rows.first().map(|row| row.link);
        let answer = self.until_answered(&append).await?;
        let is_own =
            matches!(&answer, Appended::Fenced { found: Some(link) } if Some(*link) == own);
        Ok(if is_own { Appended::Accepted } else { answer })
    }

    /// Tries again while the store does not answer and the lease may still hold.
    async fn until_answered(&self, append: &Append) -> Result<Appended, StoreError> {
        let mut wait = BACKOFF.0;
        loop {
            match self.store.append(vec![append.clone()]).await {
                Err(StoreError::Unreachable(_) | StoreError::Locked(_))
                    if self.lease.holds(self.clock.boot()) =>
                {
                    self.clock.sleep(wait).await;
                    wait = (wait * 2).min(BACKOFF.1);
                }
                answers => return answers?.pop().ok_or_else(unanswered),
            }
        }
    }
}

fn unanswered() -> StoreError {
    StoreError::Corrupt("the store gave no answer to an append".to_owned())
}
