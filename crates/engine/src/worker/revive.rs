//! Runs that wait for a worker of their version are told when one comes.
//!
//! A run parks for want of a worker when another program claimed it: one without its version, or
//! with another body of its open step. Only a worker that really has what it waits for tells it, and
//! once in a session: should the other program be faster again, the two do not play ball.

use std::{collections::BTreeSet, time::Duration};

use mainstay_core::{
    id::RunId,
    inbox::InboxBody,
    run::RunStatus,
    store::{
        operation::Delivery,
        row::{IndexFilter, IndexRow},
    },
    wait::Wait,
};
use tokio_util::sync::CancellationToken;

use super::background::pause;
use crate::{drive::Desk, error::EngineError};

/// Pause between two looks, once everything was looked at.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs looked at in one statement.
const PAGE: u32 = 256;

pub(super) async fn revive(desk: Desk, end: CancellationToken) {
    let mut look = Look::default();
    loop {
        if let Err(error) = look.round(&desk).await {
            tracing::warn!(%error, "background round failed");
            look.whole = true;
        }
        // The first look goes through without a pause; the list may be long.
        let goes_on =
            if look.whole { pause(&desk, &end, PAUSE).await } else { !end.is_cancelled() };
        if !goes_on {
            return;
        }
    }
}

/// Which runs were told, and how far the list was looked at.
#[derive(Default)]
struct Look {
    told: BTreeSet<RunId>,
    last: Option<RunId>,
    /// Whether the end of the list was reached once.
    whole: bool,
}

impl Look {
    async fn round(&mut self, desk: &Desk) -> Result<(), EngineError> {
        let filter = IndexFilter {
            statuses: vec![RunStatus::Parked],
            before: self.last,
            limit: PAGE,
            ..IndexFilter::default()
        };
        let rows = desk.runtime.store.list_runs(filter).await?;
        self.last = rows.last().map(|row| row.run_id).filter(|_| rows.len() == PAGE as usize);
        self.whole |= self.last.is_none();
        for row in rows.iter().filter(|row| waits_for_worker(row)) {
            if !self.told.contains(&row.run_id) && has_what_it_wants(desk, row).await? {
                tell(desk, row.run_id).await?;
                self.told.insert(row.run_id);
            }
        }
        Ok(())
    }
}

fn waits_for_worker(row: &IndexRow) -> bool {
    let waits = row.wait.iter().flat_map(|set| &set.waits);
    waits.into_iter().any(|wait| matches!(wait, Wait::WorkerVersion { .. }))
}

/// Its version, and the body of each step that is open.
async fn has_what_it_wants(desk: &Desk, row: &IndexRow) -> Result<bool, EngineError> {
    let Some(known) = desk.runtime.flows.get(&row.flow) else { return Ok(false) };
    let run = desk.runtime.view(row.run_id).await?.projection;
    let open = run.steps.iter().filter(|step| step.is_open());
    let now = |step| known.wiring.definition().step(step);
    Ok(open
        .into_iter()
        .all(|step| now(&step.key.step).is_some_and(|definition| step.goes_on_with(definition))))
}

async fn tell(desk: &Desk, run_id: RunId) -> Result<(), EngineError> {
    let session = desk.lease.session();
    let (key, body) = (format!("worker:{session}"), InboxBody::WorkerCame { session });
    let payloads = Vec::new();
    desk.runtime.store.deliver(Delivery { run_id, key, body, payloads }).await?;
    desk.nudges.claim.notify_one();
    Ok(())
}
