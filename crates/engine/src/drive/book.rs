//! The owner's books of one run: the live fold, and what is not yet durable.

use std::sync::Arc;

use mainstay_core::{
    digest::{Digest, NotCanonical},
    effect::{EffectOutcome, StepKey},
    flow::{FlowVersion, schedule::Wiring},
    fold::Projection,
    id::ReviewId,
    journal::{Began, Entry, Epoch, Finished, Head, JournalRow},
    label::Label,
    payload::{Held, Payload},
    review::ReviewRequest,
    store::{
        local::LocalWrite,
        operation::{Append, Appended, OutboxMessage, PayloadRequest, RowChange},
        row::InboxRow,
    },
    time::Timestamp,
    wait::WaitSet,
};
use serde_json::Value;

use super::{Desk, Nudges, Stop, values::Values};
use crate::{
    commit::Committer,
    live::LiveEvent,
    places::{Leaving, Places},
    runtime::Runtime,
};

/// Rows of other tables that go with the next commit.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    pub(super) outbox: Vec<OutboxMessage>,
    pub(super) timers: Vec<(String, Timestamp)>,
    pub(super) timers_off: Vec<String>,
    pub(super) reviews: Vec<ReviewRequest>,
    pub(super) reviews_off: Vec<ReviewId>,
    pub(super) local: Vec<LocalWrite>,
}

/// What became of a park or an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// It is durable; the run is no longer ours.
    Yes,
    /// Somebody has spoken to the run in the meantime; nothing happened.
    InboxMoved,
}

pub(super) struct Book {
    pub(super) runtime: Arc<Runtime>,
    committer: Committer,
    nudges: Arc<Nudges>,
    places: Arc<Places>,
    /// Given up when its last commit is accepted, with this.
    leaving: Option<Leaving>,
    pub(super) wiring: Arc<Wiring>,
    pub(super) run: Projection,
    pub(super) epoch: Epoch,
    pub(super) side: Side,
    durable: Head,
    head: Head,
    rows: Vec<JournalRow>,
    /// An attempt at a step that began after the last row. It gets a row of its own only if
    /// something is written before its end.
    begun: Option<(StepKey, Began)>,
    values: Values,
    rows_since_checkpoint: u64,
}

impl Book {
    pub(super) fn new(
        desk: &Desk,
        wiring: Arc<Wiring>,
        run: Projection,
        (epoch, head): (Epoch, Head),
        journal: &[JournalRow],
    ) -> Self {
        let mut values = Values::default();
        journal.iter().flat_map(|row| &row.payloads).for_each(|payload| values.keep(payload));
        let rows_since_checkpoint = journal.len() as u64;
        let (side, rows) = (Side::default(), Vec::new());
        Self {
            runtime: desk.runtime.clone(),
            committer: desk.committer.clone(),
            nudges: desk.nudges.clone(),
            places: desk.places.clone(),
            leaving: None,
            wiring,
            run,
            epoch,
            side,
            durable: head,
            head,
            rows,
            begun: None,
            values,
            rows_since_checkpoint,
        }
    }

    /// Returns what time it is: never before a time that the store says has passed. A worker whose
    /// clock is behind would else wait for a timer that has fired and does not fire again.
    pub(super) fn now(&self) -> Timestamp {
        self.runtime.clock.now().max(self.run.passed)
    }

    /// Begins an attempt at a step.
    pub(super) fn begin_step(
        &mut self,
        key: &StepKey,
        attempt: u32,
        body: Digest,
    ) -> Result<(), Stop> {
        self.write_begun()?;
        let began = Began { at: self.time(), attempt, body };
        self.run.begin_step(&self.wiring, key, began)?;
        self.begun = Some((key.clone(), began));
        Ok(())
    }

    /// Returns how an attempt began that has no row yet: the entry of its end is to say so.
    pub(super) fn take_begun(&mut self, key: &StepKey) -> Option<Began> {
        self.begun.take_if(|(begun, _)| begun == key).map(|(_, began)| began)
    }

    fn write_begun(&mut self) -> Result<(), Stop> {
        let Some((step, Began { at, attempt, body })) = self.begun.take() else { return Ok(()) };
        self.write(at, &Entry::StepStarted { step, attempt, body }, Vec::new())
    }

    /// Writes an entry after the last one and folds it. It is durable with the next commit.
    pub(super) fn push(&mut self, entry: &Entry, payloads: Vec<Payload>) -> Result<(), Stop> {
        self.write_begun()?;
        self.write(self.time(), entry, payloads)
    }

    /// Time may step back on a machine; in a journal it does not.
    fn time(&self) -> Timestamp {
        self.now().max(self.run.at)
    }

    fn write(&mut self, at: Timestamp, entry: &Entry, payloads: Vec<Payload>) -> Result<(), Stop> {
        let read_again = |payload: &&Payload| is_read_again(entry, payload);
        payloads.iter().filter(read_again).for_each(|payload| self.values.keep(payload));
        let row = self.row(at, entry, payloads)?;
        self.run.apply(&self.wiring, row.position, at, entry)?;
        self.head = row.own_head();
        self.rows.push(row);
        Ok(())
    }

    fn row(
        &self,
        at: Timestamp,
        entry: &Entry,
        payloads: Vec<Payload>,
    ) -> Result<JournalRow, NotCanonical> {
        JournalRow::after(self.head, self.run.run_id, self.epoch, at, entry, payloads)
    }

    /// Keeps the payloads of an inbox row at hand.
    pub(super) fn keep(&mut self, row: &InboxRow) {
        row.payloads.iter().for_each(|payload| self.values.keep(payload));
    }

    pub(super) fn is_durable(&self, position: u64) -> bool {
        position <= self.durable.position
    }

    pub(super) const fn has_unsaved(&self) -> bool {
        !self.rows.is_empty() || self.begun.is_some()
    }

    /// Returns a value the run holds, to be shared with others who need it.
    pub(super) async fn shared(&mut self, held: &Held) -> Result<Arc<Value>, Stop> {
        if let Some(value) = self.values.recent(&held.payload.digest) {
            return Ok(value);
        }
        let payload = self.payload(held).await?;
        Ok(self.values.read(&payload)?)
    }

    /// Returns a value the run holds.
    pub(super) async fn value(&mut self, held: &Held) -> Result<Value, Stop> {
        Ok(self.payload(held).await?.read()?)
    }

    /// Keeps a value at hand that was written as the payload of this digest.
    pub(super) fn keep_written(&mut self, digest: Digest, value: Value) {
        self.values.keep_written(digest, value);
    }

    async fn payload(&mut self, held: &Held) -> Result<Payload, Stop> {
        if let Some(payload) = self.values.get(&held.payload.digest) {
            return Ok(payload.clone());
        }
        let wanted = vec![(held.payload.digest, held.at)];
        let request = PayloadRequest { run_id: self.run.run_id, wanted };
        let found = self.runtime.store.payloads(request).await?;
        let Some(payload) = found.into_iter().next() else {
            return Err(Stop::erased(&held.payload.digest));
        };
        self.values.keep(&payload);
        Ok(payload)
    }

    /// Makes everything so far durable.
    pub(super) async fn commit(&mut self) -> Result<(), Stop> {
        self.write_begun()?;
        if self.rows.is_empty() {
            return Ok(());
        }
        let change = match self.checkpoint_if_due()? {
            Some(position) => RowChange::Checkpoint(position),
            None => RowChange::Keep,
        };
        self.send(change).await.map(drop)
    }

    /// Makes everything so far durable, with a checkpoint from which every later load starts.
    pub(super) async fn commit_with_checkpoint(&mut self) -> Result<(), Stop> {
        let position = self.checkpoint()?;
        self.send(RowChange::Checkpoint(position)).await.map(drop)
    }

    /// Gives the run back to the queue of another version.
    pub(super) async fn move_to(&mut self, to: FlowVersion) -> Result<(), Stop> {
        self.push(&Entry::Released, Vec::new())?;
        self.send(RowChange::Move { to }).await.map(drop)
    }

    fn checkpoint_if_due(&mut self) -> Result<Option<u64>, Stop> {
        self.rows_since_checkpoint += self.rows.len() as u64;
        if self.rows_since_checkpoint < self.runtime.options.checkpoint_rows {
            return Ok(None);
        }
        self.checkpoint().map(Some)
    }

    fn checkpoint(&mut self) -> Result<u64, Stop> {
        self.write_begun()?;
        let fold = Payload::of(&self.run)?;
        let entry = Entry::Checkpoint { fold: fold.reference(Label::TRUSTED) };
        self.push(&entry, vec![fold])?;
        self.rows_since_checkpoint = 0;
        Ok(self.head.position)
    }

    /// Parks the run, unless its inbox has moved.
    pub(super) async fn park(&mut self, wait: WaitSet) -> Result<Closed, Stop> {
        self.write_begun()?;
        let before = (self.run.clone(), self.head, self.rows.len(), self.rows_since_checkpoint);
        let checkpoint = Some(self.checkpoint()?);
        self.push(&Entry::Parked { wait: wait.clone() }, Vec::new())?;
        let inbox_seen = before.0.inbox_seen;
        let closed = self.send(RowChange::Park { inbox_seen, wait, checkpoint }).await?;
        self.restore_unless(closed, before)
    }

    /// Ends the run, unless its inbox has moved. The end is folded once it is durable.
    pub(super) async fn finish(&mut self, end: Finished) -> Result<Closed, Stop> {
        self.write_begun()?;
        let (inbox_seen, status) = (self.run.inbox_seen, end.ending.status());
        let (at, before, entry) = (self.time(), self.head, Entry::Finished(Box::new(end)));
        let row = self.row(at, &entry, Vec::new())?;
        let position = row.position;
        self.head = row.own_head();
        self.rows.push(row);
        let closed = self.send(RowChange::Finish { inbox_seen, status }).await?;
        match closed {
            Closed::Yes => self.run.apply(&self.wiring, position, at, &entry)?,
            Closed::InboxMoved => {
                self.head = before;
                self.rows.pop();
            }
        }
        Ok(closed)
    }

    fn restore_unless(
        &mut self,
        closed: Closed,
        (run, head, rows, since): (Projection, Head, usize, u64),
    ) -> Result<Closed, Stop> {
        if closed == Closed::InboxMoved {
            self.run = run;
            self.head = head;
            self.rows.truncate(rows);
            self.rows_since_checkpoint = since;
        }
        Ok(closed)
    }

    /// Gives the run back to the queue.
    pub(super) async fn release(&mut self) -> Result<(), Stop> {
        self.push(&Entry::Released, Vec::new())?;
        self.send(RowChange::Release { checkpoint: None }).await.map(drop)
    }

    async fn send(&mut self, change: RowChange) -> Result<Closed, Stop> {
        // What a message in the inbox may stop is written again.
        let may_stop = matches!(change, RowChange::Park { .. } | RowChange::Finish { .. });
        let rows = Arc::new(std::mem::take(&mut self.rows));
        let kept = may_stop.then(|| (Arc::clone(&rows), self.side.clone()));
        let leaving = change.gives_up_the_run().then(|| self.places.leave());
        let news = self.news(&rows);
        let side = std::mem::take(&mut self.side);
        let append = Append {
            run_id: self.run.run_id,
            epoch: self.epoch,
            head: self.durable,
            rows,
            outbox: side.outbox,
            timers: side.timers,
            timers_off: side.timers_off,
            reviews: side.reviews,
            reviews_off: side.reviews_off,
            local: side.local,
            change,
        };
        match self.committer.append(append).await? {
            Appended::Accepted => {
                self.leaving = leaving;
                self.durable = self.head;
                self.values.tidy(&self.run);
                self.tell(news);
                Ok(Closed::Yes)
            }
            Appended::InboxMoved { .. } => {
                let (rows, side) = kept.unwrap_or_default();
                (self.rows, self.side) = (Arc::unwrap_or_clone(rows), side);
                Ok(Closed::InboxMoved)
            }
            Appended::Fenced { .. } => Err(Stop::Fenced),
            Appended::Poison(message) => Err(Stop::Poison(message)),
        }
    }

    fn news(&self, rows: &[JournalRow]) -> News {
        let rows = if self.runtime.live.is_heard() { rows } else { &[] };
        News {
            kinds: rows.iter().map(|row| row.kind.clone()).collect(),
            messages: !self.side.outbox.is_empty(),
            timers: !self.side.timers.is_empty(),
        }
    }

    fn tell(&self, news: News) {
        if news.messages {
            self.nudges.outbox.notify_one();
        }
        if news.timers {
            self.nudges.timers.notify_one();
        }
        for kind in news.kinds {
            self.runtime.live.tell(LiveEvent::Entry { run_id: self.run.run_id, kind });
        }
    }
}

/// Whom a commit concerns, once it is durable.
struct News {
    /// The kinds of its rows, if anybody listens.
    kinds: Vec<String>,
    messages: bool,
    timers: bool,
}

/// Whether the run may need what a payload says. What an effect was asked with, and what a model
/// thought, is written down once it has its outcome and only read by people: an agent's prompts,
/// turn after turn, would be most of what a waiting run holds.
fn is_read_again(entry: &Entry, payload: &Payload) -> bool {
    let Entry::EffectSettled(settled) = entry else { return true };
    let outcome = match &settled.outcome {
        EffectOutcome::Completed(outcome) => Some(outcome.digest),
        EffectOutcome::Failed(_) | EffectOutcome::Denied(_) | EffectOutcome::InDoubt(_) => None,
    };
    outcome == Some(payload.digest())
}
