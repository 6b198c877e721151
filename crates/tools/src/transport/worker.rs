//! Tools and steps that workers in other processes serve, in any language.
//!
//! A [`Hub`] holds the calls that wait. Workers come for them over whatever carries the port
//! [`RemoteWork`]; nobody connects to a worker. What a worker may serve is declared beforehand, with
//! schemas and effect class: a worker proves that it fits, it does not say what it is.
//!
//! A call is handed out at most once. Before that it can be given up without effect; after that, a
//! worker that falls silent leaves it unknown whether it acted, and the caller decides by the tool's
//! effect class.

mod access;
mod calls;
mod declared;
mod difference;
mod tool;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::future::{Either, select};
use mainstay_core::{
    port::{Clock, Entropy},
    remote::{
        Assignment, Beat, LONGEST_WAIT, MOST_TAKEN, Poll, RemoteFailure, RemoteRefusal, RemoteWork,
        RemoteWorker,
    },
    secret::{Scrub, Secrets},
    tool::{Tool, ToolFailure},
};
use serde_json::Value;
use tokio::sync::watch;

pub use declared::{Declared, Settings};

use access::Known;
use calls::{Calls, Look, Work};

/// What a failure's sentence may be long; it comes from another process.
const LONGEST_MESSAGE: usize = 1_000;

/// What a worker's own word for a failure may be long.
const LONGEST_CODE: usize = 64;

/// What a hub needs around it.
#[derive(Clone)]
pub struct Surroundings {
    /// What leases count on.
    pub clock: Arc<dyn Clock>,
    /// What the ids of calls begin with, so that those of an earlier process mean nothing here.
    pub entropy: Arc<dyn Entropy>,
    /// Where tokens are kept.
    pub secrets: Arc<dyn Secrets>,
}

/// The calls of this process that workers in other processes carry out.
///
/// It lives in memory: what was handed out when the process dies is, to the journal, a call that
/// was sent and not answered, as with any other transport.
pub struct Hub {
    workers: BTreeMap<String, Settings>,
    around: Surroundings,
    calls: Mutex<Calls>,
    put: watch::Sender<()>,
    listens: AtomicBool,
}

impl Hub {
    /// Makes the hub of these workers.
    #[must_use]
    pub fn new(workers: Vec<Settings>, around: Surroundings) -> Arc<Self> {
        let calls = Mutex::new(Calls::new(&around.entropy.draw()));
        let workers = workers.into_iter().map(|worker| (worker.name.clone(), worker)).collect();
        let (put, _) = watch::channel(());
        Arc::new(Self { workers, around, calls, put, listens: AtomicBool::new(false) })
    }

    /// Says that workers can reach this process. Until then no call waits for one.
    pub fn listen(&self) {
        self.listens.store(true, Ordering::Relaxed);
    }

    /// Returns everything that is declared, tools and steps.
    #[must_use]
    pub fn served(self: &Arc<Self>) -> Vec<Arc<dyn Tool>> {
        let of_all = self.workers.values().flat_map(|worker| {
            worker.served.iter().map(|declared| {
                let tool = tool::RemoteTool::new(Arc::clone(self), worker, declared);
                Arc::new(tool) as Arc<dyn Tool>
            })
        });
        of_all.collect()
    }

    /// Returns the names of workers that need no token.
    pub fn without_token(&self) -> impl Iterator<Item = &str> {
        let open = self.workers.values().filter(|worker| worker.token.is_none());
        open.map(|worker| worker.name.as_str())
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        // Each change is whole before anything in it could panic.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.around.clock.boot()
    }

    /// Puts a call where its worker finds it, and waits for its end.
    async fn carry_out(&self, work: Work, patience: Duration) -> Result<Value, ToolFailure> {
        if !self.listens.load(Ordering::Relaxed) {
            return Err(ToolFailure::unavailable(format!(
                "the worker `{}` cannot reach this process: only `mainstay worker` listens",
                work.worker
            )));
        }
        let (id, changed) = self.calls().put(work, patience, self.now());
        let _given_up_when_dropped = Ticket { hub: self, id: id.clone() };
        self.put.send_replace(());
        loop {
            let wait = match self.calls().look(&id, self.now()) {
                Look::Over(result) => return result,
                Look::Wait(span) => span,
            };
            let change = Box::pin(changed.notified());
            select(change, self.around.clock.sleep(wait)).await;
        }
    }

    async fn known(&self, worker: &RemoteWorker) -> Result<Known<'_>, RemoteRefusal> {
        let settings = self.workers.get(&worker.name);
        access::check(settings, worker, &*self.around.secrets).await
    }
}

/// A call that somebody waits for.
struct Ticket<'a> {
    hub: &'a Hub,
    id: String,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.hub.calls().abandon(&self.id);
    }
}

#[async_trait]
impl RemoteWork for Hub {
    async fn poll(
        &self,
        worker: &RemoteWorker,
        poll: Poll,
    ) -> Result<Vec<Assignment>, RemoteRefusal> {
        let Known { settings, .. } = self.known(worker).await?;
        settings.fits(&poll.offers).map_err(RemoteRefusal::Undeclared)?;
        let served: Vec<_> = poll.offers.iter().map(|offer| offer.name.as_str()).collect();
        let take = poll.take.min(MOST_TAKEN);
        let end = self.now() + poll.wait.min(LONGEST_WAIT);
        let mut put = self.put.subscribe();
        loop {
            let now = self.now();
            let taken = self.calls().hand_out(settings, &served, take, now);
            let left = end.saturating_sub(now);
            if !taken.is_empty() || left.is_zero() || take == 0 {
                return Ok(taken);
            }
            let more = Box::pin(put.changed());
            // The sender lives as long as this hub.
            if let Either::Right(_) = select(more, self.around.clock.sleep(left)).await {
                return Ok(Vec::new());
            }
        }
    }

    async fn heartbeat(
        &self,
        worker: &RemoteWorker,
        calls: &[String],
    ) -> Result<Beat, RemoteRefusal> {
        let Known { settings, .. } = self.known(worker).await?;
        Ok(self.calls().beat(settings, calls, self.now()))
    }

    async fn complete(
        &self,
        worker: &RemoteWorker,
        call: &str,
        result: Value,
    ) -> Result<(), RemoteRefusal> {
        let Known { settings, scrub } = self.known(worker).await?;
        let result = Ok(scrub.value(result));
        self.calls().end(settings, call, result, self.now()).map_err(RemoteRefusal::Closed)
    }

    async fn fail(
        &self,
        worker: &RemoteWorker,
        call: &str,
        failure: RemoteFailure,
    ) -> Result<(), RemoteRefusal> {
        let Known { settings, scrub } = self.known(worker).await?;
        let failure = Err(told(failure, &scrub));
        self.calls().end(settings, call, failure, self.now()).map_err(RemoteRefusal::Closed)
    }
}

/// What the engine is told of a worker's own words.
fn told(failure: RemoteFailure, scrub: &Scrub) -> ToolFailure {
    let message: String = scrub.text(&failure.message).chars().take(LONGEST_MESSAGE).collect();
    let message = if message.is_empty() { "the worker gave no reason".to_owned() } else { message };
    let code: String = scrub.text(&failure.code).chars().take(LONGEST_CODE).collect();
    let text = if code.is_empty() { message } else { format!("{code}: {message}") };
    ToolFailure {
        retry: failure.retry,
        took_effect: failure.took_effect,
        retry_after: failure.retry_after,
        ..ToolFailure::new(text)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("workers", &self.workers.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
