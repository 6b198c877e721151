//! A store that counts what passes through it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use mainstay_core::{
    id::RunId,
    port::Clock,
    run::RunStatus,
    store::{
        Store, StoreError,
        operation::{Append, Appended, Operation, Reply, RowChange},
    },
    time::Timestamp,
};
use tokio::sync::Notify;

/// What was committed since the last reset.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Parts that were accepted.
    pub(super) parts: u64,
    /// Steps that ended.
    pub(super) steps: u64,
    /// Runs that closed otherwise than completed, and how.
    pub(super) astray: Vec<String>,
    /// From the durable end of the step before until each step's end was durable.
    took: Vec<Duration>,
    /// When each run's last step was known to be durable; a chain goes on at once.
    last: HashMap<RunId, Timestamp>,
    pending: BTreeSet<RunId>,
}

impl Tally {
    /// Returns a percentile of the steps' times in microseconds, by nearest rank.
    pub(super) fn percentile(&mut self, percent: usize) -> u64 {
        self.took.sort_unstable();
        let rank = (self.took.len() * percent).div_ceil(100).saturating_sub(1);
        let took = self.took.get(rank).copied().unwrap_or_default();
        u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
    }

    fn accept(&mut self, part: Part, now: Timestamp) {
        self.parts += 1;
        self.steps += part.ended;
        let before = (part.ended > 0).then(|| self.last.insert(part.run_id, now)).flatten();
        self.took.extend(before.map(|before| now.since(before)));
        match part.closed {
            Some(Closed::Completed) => {
                self.pending.remove(&part.run_id);
                self.last.remove(&part.run_id);
            }
            Some(Closed::Otherwise(how)) => self.astray.push(format!("{} {how}", part.run_id)),
            None => {}
        }
    }
}

/// What matters of a part once it is accepted.
struct Part {
    run_id: RunId,
    /// Steps that ended in it.
    ended: u64,
    closed: Option<Closed>,
}

enum Closed {
    Completed,
    Otherwise(String),
}

impl Part {
    fn of(part: &Append) -> Self {
        let ended = part.rows.iter().filter(|row| row.kind == "step_finished").count() as u64;
        let closed = match &part.change {
            RowChange::Finish { status: RunStatus::Completed, .. } => Some(Closed::Completed),
            RowChange::Finish { status, .. } => {
                Some(Closed::Otherwise(format!("ended {}", status.as_str())))
            }
            RowChange::Park { .. } => Some(Closed::Otherwise("parked".to_owned())),
            RowChange::Keep
            | RowChange::Checkpoint(_)
            | RowChange::Release { .. }
            | RowChange::Move { .. } => None,
        };
        Self { run_id: part.run_id, ended, closed }
    }
}

/// The store under measurement.
pub(super) struct Counted {
    inner: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tally: Mutex<Tally>,
    moved: Notify,
}

impl Counted {
    pub(super) fn new(inner: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, tally: Mutex::default(), moved: Notify::new() }
    }

    /// Begins to count anew, until these runs have ended.
    pub(super) fn expect(&self, runs: BTreeSet<RunId>) {
        *self.tally() = Tally { pending: runs, ..Tally::default() };
    }

    /// Waits until every expected run has completed, or one went astray.
    pub(super) async fn ended(&self) {
        loop {
            let moved = self.moved.notified();
            if self.is_over() {
                return;
            }
            moved.await;
        }
    }

    /// Returns what was counted.
    pub(super) fn take(&self) -> Tally {
        std::mem::take(&mut self.tally())
    }

    fn is_over(&self) -> bool {
        let tally = self.tally();
        tally.pending.is_empty() || !tally.astray.is_empty()
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, parts: Vec<Part>, answers: &[Appended]) {
        let now = self.clock.now();
        let mut tally = self.tally();
        let accepted = parts.into_iter().zip(answers);
        accepted
            .filter(|(_, answer)| **answer == Appended::Accepted)
            .for_each(|(part, _)| tally.accept(part, now));
        drop(tally);
        if self.is_over() {
            self.moved.notify_one();
        }
    }
}

#[async_trait]
impl Store for Counted {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        let Operation::Append(parts) = &operation else {
            return self.inner.execute(operation).await;
        };
        let parts = parts.iter().map(Part::of).collect();
        let reply = self.inner.execute(operation).await;
        if let Ok(Reply::Append(answers)) = &reply {
            self.count(parts, answers);
        }
        reply
    }
}
