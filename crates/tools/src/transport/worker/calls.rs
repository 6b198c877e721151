//! The calls of a hub, from being put to being over. Time comes in as an argument.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use mainstay_core::{
    code::Code,
    remote::{Assignment, Beat, Closed, Kind},
    tool::{ToolCall, ToolFailure},
};
use serde_json::Value;
use tokio::sync::Notify;

use super::Settings;

/// So many calls that are over are remembered, so that a late answer is told what became of its
/// call.
const REMEMBERED: usize = 4_096;

/// A call as it is put.
#[derive(Debug, Clone)]
pub(super) struct Work {
    /// Who is to carry it out.
    pub(super) worker: String,
    /// Whether a tool or a step is called.
    pub(super) kind: Kind,
    /// Which, without the worker's name.
    pub(super) name: String,
    /// What the engine asks.
    pub(super) call: ToolCall,
    /// How long its caller waits in all.
    pub(super) span: Duration,
}

#[derive(Debug)]
struct Held {
    work: Work,
    put_at: Duration,
    stage: Stage,
    changed: Arc<Notify>,
}

#[derive(Debug)]
enum Stage {
    /// Nobody has it.
    Waiting { until: Duration },
    /// A worker has it.
    Out { until: Duration, lease: Duration },
    /// Its caller is about to see how it ended.
    Over(Result<Value, ToolFailure>),
}

/// What a caller sees of its call.
#[derive(Debug)]
pub(super) enum Look {
    /// Nothing before this span is over, unless a change is announced.
    Wait(Duration),
    /// How it ended.
    Over(Result<Value, ToolFailure>),
}

/// The calls of a hub. Their ids grow, so they stand in the order they were put.
#[derive(Debug)]
pub(super) struct Calls {
    held: BTreeMap<String, Held>,
    over: VecDeque<(String, String, Closed)>,
    prefix: String,
    next: u64,
}

impl Calls {
    /// Makes an empty collection whose ids begin with something of these bytes.
    pub(super) fn new(random: &[u8]) -> Self {
        let prefix = random.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { held: BTreeMap::new(), over: VecDeque::new(), prefix, next: 0 }
    }

    /// Puts a call that waits so long for a worker. Returns its id, and what announces changes.
    pub(super) fn put(
        &mut self,
        work: Work,
        patience: Duration,
        now: Duration,
    ) -> (String, Arc<Notify>) {
        self.next += 1;
        let id = format!("call_{}_{:012}", self.prefix, self.next);
        let changed = Arc::new(Notify::new());
        let stage = Stage::Waiting { until: now + patience };
        let held = Held { work, put_at: now, stage, changed: Arc::clone(&changed) };
        self.held.insert(id.clone(), held);
        (id, changed)
    }

    /// Hands out what waits for these tools and steps, the oldest first.
    pub(super) fn hand_out(
        &mut self,
        worker: &Settings,
        served: &[&str],
        most: usize,
        now: Duration,
    ) -> Vec<Assignment> {
        let wanted = self.held.iter_mut().filter(|(_, held)| {
            let waits = matches!(held.stage, Stage::Waiting { until } if now < until);
            waits && held.work.worker == worker.name && served.contains(&held.work.name.as_str())
        });
        let handed_out = wanted.take(most).map(|(id, held)| {
            let lease = worker.lease;
            held.stage = Stage::Out { until: now + lease, lease };
            held.changed.notify_one();
            assignment(id, &held.work, lease, now.saturating_sub(held.put_at))
        });
        handed_out.collect()
    }

    /// Renews the leases of those calls that are still the worker's.
    pub(super) fn beat(&mut self, worker: &Settings, ids: &[String], now: Duration) -> Beat {
        let mut beat = Beat::default();
        for id in ids {
            match self.out(&worker.name, id, now) {
                Ok(held) => {
                    held.stage = Stage::Out { until: now + worker.lease, lease: worker.lease };
                    beat.held.push(id.clone());
                }
                Err(Closed::Abandoned) => beat.cancelled.push(id.clone()),
                Err(Closed::Answered | Closed::Lapsed | Closed::Unknown) => {
                    beat.lost.push(id.clone());
                }
            }
        }
        beat
    }

    /// Takes an answer, if the call is still the worker's.
    pub(super) fn end(
        &mut self,
        worker: &Settings,
        id: &str,
        answer: Result<Value, ToolFailure>,
        now: Duration,
    ) -> Result<(), Closed> {
        let held = self.out(&worker.name, id, now)?;
        held.stage = Stage::Over(answer);
        held.changed.notify_one();
        self.remember(id, &worker.name, Closed::Answered);
        Ok(())
    }

    /// Returns how a call stands for its caller.
    pub(super) fn look(&mut self, id: &str, now: Duration) -> Look {
        let Some(held) = self.held.get(id) else { return Look::Over(Err(lost(Duration::ZERO))) };
        match &held.stage {
            Stage::Waiting { until } | Stage::Out { until, .. } if now < *until => {
                return Look::Wait(*until - now);
            }
            Stage::Waiting { .. } => self.remember_of(id, Closed::Abandoned),
            Stage::Out { .. } => self.remember_of(id, Closed::Lapsed),
            Stage::Over(_) => {}
        }
        match self.held.remove(id).map(|held| (held.stage, held.work)) {
            Some((Stage::Over(answer), _)) => Look::Over(answer),
            Some((Stage::Waiting { .. }, work)) => Look::Over(Err(nobody(&work))),
            Some((Stage::Out { lease, .. }, _)) => Look::Over(Err(lost(lease))),
            None => Look::Over(Err(lost(Duration::ZERO))),
        }
    }

    /// Forgets a call for which nobody waits any more.
    pub(super) fn abandon(&mut self, id: &str) {
        let Some(held) = self.held.remove(id) else { return };
        if !matches!(held.stage, Stage::Over(_)) {
            self.remember(id, &held.work.worker, Closed::Abandoned);
        }
    }

    /// Returns a call that is the worker's now, or why it is not. One whose lease lapsed is over
    /// from here on, whether or not its caller has looked.
    fn out(&mut self, worker: &str, id: &str, now: Duration) -> Result<&mut Held, Closed> {
        let stage = self.held.get(id).filter(|held| held.work.worker == worker);
        let lapsed = match stage.map(|held| &held.stage) {
            Some(Stage::Out { until, lease }) if now >= *until => Some(*lease),
            Some(Stage::Out { .. }) => None,
            Some(Stage::Waiting { .. }) => return Err(Closed::Unknown),
            Some(Stage::Over(_)) | None => return Err(self.became(worker, id)),
        };
        if lapsed.is_some() {
            self.remember(id, worker, Closed::Lapsed);
        }
        let held = self.held.get_mut(id).ok_or(Closed::Unknown)?;
        let Some(lease) = lapsed else { return Ok(held) };
        held.stage = Stage::Over(Err(lost(lease)));
        held.changed.notify_one();
        Err(Closed::Lapsed)
    }

    fn became(&self, worker: &str, id: &str) -> Closed {
        let mut of_worker = self.over.iter().rev().filter(|(_, whose, _)| whose == worker);
        of_worker.find(|(over, ..)| over == id).map_or(Closed::Unknown, |(.., how)| *how)
    }

    fn remember_of(&mut self, id: &str, how: Closed) {
        if let Some(worker) = self.held.get(id).map(|held| held.work.worker.clone()) {
            self.remember(id, &worker, how);
        }
    }

    fn remember(&mut self, id: &str, worker: &str, how: Closed) {
        if self.over.len() >= REMEMBERED {
            self.over.pop_front();
        }
        self.over.push_back((id.to_owned(), worker.to_owned(), how));
    }
}

fn assignment(id: &str, work: &Work, lease: Duration, waited: Duration) -> Assignment {
    let call = &work.call;
    Assignment {
        id: id.to_owned(),
        kind: work.kind,
        name: work.name.clone(),
        arguments: call.arguments.clone(),
        key: call.key,
        attempt: call.attempt,
        deadline: call.deadline,
        left: work.span.saturating_sub(waited),
        lease,
        run_id: call.run_id,
    }
}

/// Nothing was handed out, so nothing happened.
fn nobody(work: &Work) -> ToolFailure {
    ToolFailure::unavailable(format!("no worker `{}` took the call in time", work.worker))
}

/// It was handed out, so it may have acted.
fn lost(lease: Duration) -> ToolFailure {
    let text = format!("the worker took the call and was not heard of for {lease:?}");
    ToolFailure::new(text).with_code(Code::WorkerLost).retryable()
}

#[cfg(test)]
mod tests;
