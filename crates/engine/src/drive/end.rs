//! How a run ends: with its output, or by undoing what it did.

use mainstay_core::{
    effect::StepKey,
    failure::Failure,
    fold::{
        Projection,
        steps::{Phase, StepRun},
    },
    inbox::InboxBody,
    journal::{Cause, Ending, Entry, Finished},
    store::operation::OutboxMessage,
};

use super::{Closed, Drive, Driven, Rest, Stop};

impl Drive {
    /// Every step is over: the run completes.
    pub(super) async fn end(&mut self) -> Result<Rest, Stop> {
        let finish = Projection::output_step(&self.flow.wiring);
        let outputs = self.book.run.steps.iter().rev();
        let output = finish
            .and_then(|name| outputs.clone().find(|s| s.key.step == name && s.output.is_some()))
            .and_then(|step| step.output.as_ref())
            .map(|held| held.payload.clone());
        let half_filled = self.book.run.half_filled();
        let ending = Ending::Completed;
        self.finish(Finished { ending, output, failure: None, half_filled }).await
    }

    async fn finish(&mut self, end: Finished) -> Result<Rest, Stop> {
        let told = self.book.side.outbox.len();
        self.tell_parent(&end).await?;
        match self.book.finish(end).await? {
            Closed::Yes => Ok(Rest::Closed(Driven::Ended)),
            Closed::InboxMoved => {
                self.book.side.outbox.truncate(told);
                self.receive().await?;
                Ok(Rest::Moved)
            }
        }
    }

    async fn tell_parent(&mut self, end: &Finished) -> Result<(), Stop> {
        let Some(parent) = self.book.run.parent.clone() else { return Ok(()) };
        let held = end.output.as_ref().and_then(|output| {
            let outputs = self.book.run.steps.iter().filter_map(|step| step.output.clone());
            outputs.rev().find(|held| held.payload == *output)
        });
        let payloads = match &held {
            Some(held) => vec![self.book.value(held).await?.to_string()],
            None => Vec::new(),
        };
        let ledger = &self.book.run.ledger;
        let spend = mainstay_core::budget::Settlement {
            spent: ledger.spent(),
            unknown: ledger.spent_unknown(),
        };
        let body = InboxBody::ChildEnded {
            position: parent.position,
            run_id: self.book.run.born_as(),
            status: end.ending.status(),
            output: end.output.clone(),
            failure: end.failure.clone(),
            spend,
        };
        self.book.side.outbox.push(OutboxMessage::Tell {
            run_id: parent.run_id,
            key: format!("child:{}", self.book.run.born_as()),
            body: Box::new(body),
            payloads,
        });
        Ok(())
    }

    pub(super) fn unwind_because(&mut self, cause: Cause) -> Result<(), Stop> {
        std::mem::take(&mut self.reads).cancel();
        self.refused = None;
        self.book.push(&Entry::Unwinding { cause }, Vec::new())
    }

    /// A person asked the run to end.
    pub(super) fn begin_unwinding(&mut self) -> Result<(), Stop> {
        match self.book.run.ending.clone() {
            Some(cause) => self.unwind_because(cause),
            None => Ok(()),
        }
    }

    /// A run that is asked to end does not begin again what it will let go: it goes straight to its
    /// end, and what its open steps wait for is taken back.
    pub(super) fn let_go(&mut self) -> Result<(), Stop> {
        if !self.book.run.unwinding {
            self.begin_unwinding()?;
        }
        let open = self.book.run.steps.iter().filter(|step| step.is_open());
        let forward = open.filter(|step| !step.outlasts_the_end());
        for key in forward.map(|step| step.key.clone()).collect::<Vec<_>>() {
            self.withdraw_waits(&key);
        }
        Ok(())
    }

    /// Nothing is under way any more: open steps are let go, compensations run one by one, last
    /// finished first, and then the run ends.
    pub(super) async fn unwind(&mut self) -> Result<Rest, Stop> {
        // What may have happened is not forgotten because the run ends: its step stays until a look
        // at the other side, or a person, has said what became of it.
        let stays =
            |run: &Projection, key: &StepKey| run.step(key).is_some_and(StepRun::outlasts_the_end);
        let forward: Vec<_> =
            self.open.keys().filter(|key| !stays(&self.book.run, key)).cloned().collect();
        for key in forward {
            self.withdraw_waits(&key);
            self.open.remove(&key);
        }
        if !self.open.is_empty() || self.waits_for_retry() {
            return self.park().await;
        }
        if !self.due_compensation().is_empty() {
            return Ok(Rest::Moved);
        }
        let failure = match &self.book.run.ending {
            Some(Cause::Failed { failure, .. }) => Some(failure.clone()),
            Some(Cause::Cancelled { reason }) => {
                Some(Failure::permanent(mainstay_core::code::Code::Cancelled, reason.clone()))
            }
            None => None,
        };
        let (ending, half_filled) = (self.book.run.ending_now(), self.book.run.half_filled());
        self.finish(Finished { ending, output: None, failure, half_filled }).await
    }

    fn waits_for_retry(&self) -> bool {
        let undo = |step: &&StepRun| step.undoes.is_some();
        let now = self.book.now();
        let mut undos = self.book.run.steps.iter().filter(undo);
        undos.any(|step| matches!(step.phase, Phase::Retrying { at } if at > now))
    }

    /// Returns the compensation that stands next in line, if none is under way.
    pub(super) fn due_compensation(&self) -> Vec<StepKey> {
        if !self.open.is_empty() || !self.calls.is_empty() || self.unsent().next().is_some() {
            return Vec::new();
        }
        let now = self.book.now();
        for step in self.book.run.steps.iter().filter(|step| step.undoes.is_some()) {
            match step.phase {
                Phase::Retrying { at } if at <= now => return vec![step.key.clone()],
                Phase::Retrying { .. } | Phase::Open => return Vec::new(),
                Phase::Due | Phase::Finished | Phase::Failed(_) => {}
            }
        }
        let next = self.book.run.next_undo(&self.flow.wiring);
        let visit = |undo: &str| self.book.run.next_visit(undo);
        next.map(|(_, undo)| StepKey::new(undo.clone(), visit(&undo))).into_iter().collect()
    }
}
