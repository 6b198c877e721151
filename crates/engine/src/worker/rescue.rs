//! Setting a run aside whose journal or values cannot be handled: it parks in quarantine, from the
//! rows that are durable, without folding them.

use mainstay_core::{
    id::RunId,
    journal::{Entry, Epoch, Head, JournalRow},
    store::operation::{Append, JournalRequest, RowChange},
    wait::{Wait, WaitMode, WaitSet},
};

use crate::drive::Desk;

/// Rows read in one go to find the end of a journal.
const PAGE: u32 = 2_000;

/// Parks a run in quarantine. If even that fails, the run stays with this session and is taken over
/// with it.
pub(super) async fn set_aside(desk: &Desk, run_id: RunId, epoch: Epoch) {
    let Some(append) = parked(desk, run_id, epoch).await else { return };
    if let Err(error) = desk.committer.append(append).await {
        tracing::error!(%run_id, %error, "the run could not be set aside");
    }
}

async fn parked(desk: &Desk, run_id: RunId, epoch: Epoch) -> Option<Append> {
    let head = head(desk, run_id).await?;
    let inbox_seen = desk.runtime.store.run(run_id).await.ok()??.inbox_head;
    let wait = WaitSet { mode: WaitMode::Any, waits: vec![Wait::Quarantine { crashes: 0 }] };
    let entry = Entry::Parked { wait: wait.clone() };
    let at = desk.runtime.clock.now();
    let row = JournalRow::after(head, run_id, epoch, at, &entry, Vec::new()).ok()?;
    Some(Append {
        run_id,
        epoch,
        head,
        rows: vec![row].into(),
        outbox: Vec::new(),
        timers: Vec::new(),
        timers_off: Vec::new(),
        reviews: Vec::new(),
        reviews_off: Vec::new(),
        local: Vec::new(),
        change: RowChange::Park { inbox_seen, wait, checkpoint: None },
    })
}

async fn head(desk: &Desk, run_id: RunId) -> Option<Head> {
    let mut head = Head::EMPTY;
    loop {
        let request = JournalRequest { run_id, from: head.position + 1, limit: PAGE };
        let rows = desk.runtime.store.journal(request).await.ok()?;
        let full = rows.len() == PAGE as usize;
        head = rows.iter().fold(head, |head, row| row.head(run_id, head));
        if !full {
            return (head.position > 0).then_some(head);
        }
    }
}
