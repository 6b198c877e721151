//! Appending to journals: the fence, the compare-and-set on the inbox, and what rides along.

use mainstay_core::{
    id::RunId,
    journal::JournalRow,
    run::RunStatus,
    store::{
        operation::{Append, Appended, RowChange},
        row::{OutboxRow, ReviewRow},
    },
    time::Timestamp,
};

use super::{Model, Run};
use crate::{sound, wire};

impl Model {
    /// Judges each part by itself, in their order; a refused part leaves nothing behind.
    pub(super) fn append(&mut self, now: Timestamp, parts: &[Append]) -> Vec<Appended> {
        parts.iter().map(|part| self.append_part(now, part)).collect()
    }

    /// Everything that can refuse a part is asked first, so that writing it cannot fail half-way.
    fn append_part(&mut self, now: Timestamp, part: &Append) -> Appended {
        if let Some(refusal) = self.refuses(part) {
            return refusal;
        }
        for row in part.rows.iter() {
            self.insert_row(part.run_id, row);
        }
        self.send(part);
        self.set_timers(part);
        self.open_reviews(now, part);
        self.change_row(part);
        self.forget_crashes(part);
        self.written.extend(part.local.iter().cloned());
        Appended::Accepted
    }

    fn refuses(&self, part: &Append) -> Option<Appended> {
        if let Err(message) = sound::part(part) {
            return Some(Appended::Poison(message));
        }
        let Some(run) = self.runs.get(&part.run_id) else {
            return Some(Appended::Fenced { found: None });
        };
        let fenced = fence(run, part).or_else(|| no_longer_owned(run, part));
        fenced.or_else(|| inbox_moved(run, part))
    }

    fn forget_crashes(&mut self, part: &Append) {
        let progress = part.rows.iter().any(|row| wire::is_progress(&row.kind));
        if let Some(run) = self.runs.get_mut(&part.run_id).filter(|_| progress) {
            run.row.crashes = 0;
        }
    }

    fn send(&mut self, part: &Append) {
        let position = part.head.position + 1;
        for (message, n) in part.outbox.iter().cloned().zip(0..) {
            self.outbox.push(OutboxRow { run_id: part.run_id, position, n, message });
        }
    }

    fn set_timers(&mut self, part: &Append) {
        for key in &part.timers_off {
            self.timers.remove(&(part.run_id, key.clone()));
        }
        for (key, due) in &part.timers {
            self.timers.insert((part.run_id, key.clone()), *due);
        }
    }

    fn open_reviews(&mut self, now: Timestamp, part: &Append) {
        for review_id in &part.reviews_off {
            if let Some(review) = self.reviews.get_mut(review_id)
                && review.run_id == part.run_id
            {
                review.open = false;
            }
        }
        let Some(run) = self.runs.get(&part.run_id) else { return };
        for request in &part.reviews {
            self.reviews.entry(request.review_id).or_insert_with(|| ReviewRow {
                run_id: part.run_id,
                tenant: run.row.tenant.clone(),
                request: request.clone(),
                opened_at: now,
                outcome: None,
                open: true,
            });
        }
    }

    fn change_row(&mut self, part: &Append) {
        let Some(run) = self.runs.get_mut(&part.run_id) else { return };
        match &part.change {
            RowChange::Keep => {}
            RowChange::Checkpoint(at) => run.row.checkpoint = *at,
            RowChange::Park { inbox_seen, wait, checkpoint } => {
                run.row.checkpoint = checkpoint.unwrap_or(run.row.checkpoint);
                run.row.wait = Some(wait.clone());
                run.wake_after = wait.wake_after();
                run.inbox_read = *inbox_seen;
                self.disown(part.run_id, RunStatus::Parked);
            }
            RowChange::Release { checkpoint } => {
                run.row.checkpoint = checkpoint.unwrap_or(run.row.checkpoint);
                self.disown(part.run_id, RunStatus::Queued);
                self.enqueue(part.run_id);
            }
            RowChange::Finish { status, .. } => {
                self.disown(part.run_id, *status);
                self.forget_waits(part.run_id);
            }
            RowChange::Move { to } => {
                run.row.flow = to.clone();
                self.disown(part.run_id, RunStatus::Queued);
                self.enqueue(part.run_id);
            }
        }
    }

    /// The run was running, or the part would have been refused: every status may follow that an
    /// owner can give it.
    fn disown(&mut self, run_id: RunId, status: RunStatus) {
        self.claims.remove(&run_id);
        self.changed.insert(run_id);
        if let Some(run) = self.runs.get_mut(&run_id) {
            run.row.owner = None;
            run.row.status = status;
        }
    }

    /// An ended run waits for nothing: no timer may fire for it, no person is asked.
    fn forget_waits(&mut self, run_id: RunId) {
        self.timers.retain(|(of, _), _| *of != run_id);
        self.reviews.values_mut().filter(|r| r.run_id == run_id).for_each(|r| r.open = false);
    }
}

/// The journal itself is asked: its last row must be the one the owner saw, of the owner's epoch,
/// and one after which an owner may still write.
fn fence(run: &Run, part: &Append) -> Option<Appended> {
    let at = |position| run.journal.iter().find(|row: &&JournalRow| row.position == position);
    let found = at(part.head.position + 1).map(|row| row.link);
    let same = at(part.head.position).is_some_and(|row| {
        row.link == part.head.link && row.epoch == part.epoch && !wire::ends_ownership(&row.kind)
    });
    if same && found.is_none() { None } else { Some(Appended::Fenced { found }) }
}

/// After a takeover the journal still has the old owner's epoch at its end; the row says that
/// nobody owns the run.
fn no_longer_owned(run: &Run, part: &Append) -> Option<Appended> {
    let owned = run.row.status == RunStatus::Running && run.row.epoch == part.epoch;
    let changes = part.change != RowChange::Keep;
    (changes && !owned).then_some(Appended::Fenced { found: None })
}

fn inbox_moved(run: &Run, part: &Append) -> Option<Appended> {
    let seen = match &part.change {
        RowChange::Park { inbox_seen, .. } | RowChange::Finish { inbox_seen, .. } => *inbox_seen,
        RowChange::Keep
        | RowChange::Checkpoint(_)
        | RowChange::Release { .. }
        | RowChange::Move { .. } => return None,
    };
    let head = run.row.inbox_head;
    (head != seen).then_some(Appended::InboxMoved { head })
}
