//! Messages to runs, and messages of runs to others.

use mainstay_core::{
    run::RunStatus,
    store::{
        StoreError,
        operation::{Delivered, Delivery, InboxRequest},
        row::{InboxRow, OutboxRow},
    },
};

use super::{Model, claim::set_status};
use crate::sound;

impl Model {
    /// Puts a message into a run's inbox, once per key, and wakes the run if it was due.
    pub(super) fn deliver(&mut self, delivery: &Delivery) -> Result<Delivered, StoreError> {
        sound::delivery(delivery)?;
        let delivery = &Delivery { run_id: self.home(delivery.run_id), ..delivery.clone() };
        let Some(run) = self.runs.get_mut(&delivery.run_id) else {
            return Ok(Delivered::Unknown);
        };
        if let Some(first) = run.inbox.iter().find(|message| message.key == delivery.key) {
            return Ok(Delivered::Duplicate { position: first.position });
        }
        if run.row.status.is_terminal() {
            return Ok(Delivered::Ended);
        }
        run.row.inbox_head += 1;
        let position = run.row.inbox_head;
        run.inbox.push(InboxRow {
            position,
            key: delivery.key.clone(),
            body: delivery.body.clone(),
            payloads: delivery.payloads.clone(),
        });
        let woke = self.count_down(delivery)?;
        Ok(Delivered::Accepted { position, woke })
    }

    /// A parked run wakes when as many messages have come as it waits for, or at an urgent one.
    fn count_down(&mut self, delivery: &Delivery) -> Result<bool, StoreError> {
        let Some(run) = self.runs.get_mut(&delivery.run_id) else { return Ok(false) };
        if run.row.status != RunStatus::Parked {
            return Ok(false);
        }
        run.wake_after = run.wake_after.saturating_sub(1);
        if run.wake_after > 0 && !delivery.body.is_urgent() {
            return Ok(false);
        }
        set_status(&mut run.row.status, RunStatus::Queued)?;
        run.row.wait = None;
        self.enqueue(delivery.run_id);
        Ok(true)
    }

    /// Returns a run's messages after a position.
    pub(super) fn inbox(&self, request: &InboxRequest) -> Vec<InboxRow> {
        let Some(run) = self.runs.get(&request.run_id) else { return Vec::new() };
        run.inbox.iter().filter(|message| message.position > request.after).cloned().collect()
    }

    /// Returns messages to others, oldest first.
    pub(super) fn outbox(&self, limit: u32) -> Vec<OutboxRow> {
        self.outbox.iter().take(limit as usize).cloned().collect()
    }

    /// Removes delivered messages.
    pub(super) fn outbox_done(&mut self, rows: &[OutboxRow]) -> u64 {
        let place = |row: &OutboxRow| (row.run_id, row.position, row.n);
        let before = self.outbox.len();
        self.outbox.retain(|kept| !rows.iter().any(|done| place(done) == place(kept)));
        (before - self.outbox.len()) as u64
    }
}
