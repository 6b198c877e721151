//! Group commit: the appends of many runs share one transaction and one round trip.
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
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::lease::Lease;

/// Appends that share one transaction at most.
const BATCH: usize = 256;

/// Transactions under way at the same time.
const LANES: usize = 2;

/// Waits between two tries at a store that does not answer: from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

struct Job {
    append: Append,
    reply: oneshot::Sender<Result<Appended, StoreError>>,
}

/// Where drivers hand in their appends.
#[derive(Clone)]
pub(crate) struct Committer {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Committer {
    /// Starts the task that flushes; it ends when the last handle is gone.
    pub(crate) fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>, lease: Arc<Lease>) -> Self {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let lanes = Arc::new(Semaphore::new(LANES));
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            while let Ok(lane) = lanes.clone().acquire_owned().await {
                if queue.recv_many(&mut batch, BATCH).await == 0 {
                    return;
                }
                let (batch, flusher) = (
                    std::mem::take(&mut batch),
                    Flusher { store: store.clone(), clock: clock.clone(), lease: lease.clone() },
                );
                tokio::spawn(async move {
                    flusher.flush(batch).await;
                    drop(lane);
                });
            }
        });
        Self { jobs }
    }

    /// Makes one run's entries durable, with whatever others hand in at the same time. At most one
    /// append of a run may be under way.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Unreachable("the worker is stopping".into());
        self.jobs.send(Job { append, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

struct Flusher {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    lease: Arc<Lease>,
}

impl Flusher {
    async fn flush(&self, batch: Vec<Job>) {
        let (appends, replies): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|job| (job.append, job.reply)).unzip();
        let links: Vec<_> = appends.iter().map(|a| a.rows.first().map(|row| row.link)).collect();
        let answers = match self.until_answered(&appends).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); replies.len()],
        };
        for ((reply, link), answer) in replies.into_iter().zip(links).zip(answers) {
            let ours = |found: &Option<_>| found.is_some() && *found == link;
            let answer = match answer {
                Ok(Appended::Fenced { found }) if ours(&found) => Ok(Appended::Accepted),
                other => other,
            };
            // A driver that was dropped does not wait for its answer.
            let _ = reply.send(answer);
        }
    }

    /// Tries again while the store does not answer and the lease may still hold.
    async fn until_answered(&self, appends: &[Append]) -> Result<Vec<Appended>, StoreError> {
        let mut wait = BACKOFF.0;
        loop {
            match self.store.append(appends.to_vec()).await {
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
