//! Ending runs that nobody can drive.
//!
//! A run stays queued while no live session has its version: a worker that has it may come, and
//! takes it without being told. But a person who cancels such a run must not wait for that, so any
//! worker claims it for control, by its id. A version counts as gone only when it has been for a
//! while, because between two deployments there may be a moment without a worker, and a compensation
//! that could have run then is not lost to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use mainstay_core::{
    flow::FlowVersion,
    id::RunId,
    inbox::InboxBody,
    run::RunStatus,
    store::{
        StoreError,
        operation::{ClaimRequest, InboxRequest},
        row::{IndexFilter, IndexRow},
    },
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::background::pause;
use crate::{
    drive::{Desk, Stop, control::control},
    runtime::Runtime,
};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Queued runs looked at in one round: a long queue of a version that is gone costs no more.
const LOOKS: u32 = 64;

/// A version is gone when no live session has had it for so many leases.
const LEASES: u32 = 2;

pub(super) async fn ends(desk: Desk, end: CancellationToken) {
    let mut gone = Gone::default();
    while pause(&desk, &end, PAUSE).await {
        if let Err(error) = gone.round(&desk).await {
            tracing::warn!(%error, "background round failed");
        }
    }
}

/// Versions that no live session has, and where the last look at their queues ended.
#[derive(Default)]
struct Gone {
    /// Since when, on the boot clock.
    since: BTreeMap<FlowVersion, Duration>,
    last: Option<RunId>,
}

impl Gone {
    async fn round(&mut self, desk: &Desk) -> Result<(), StoreError> {
        let (runtime, now) = (&desk.runtime, desk.runtime.clock.boot());
        let served = runtime.served().await?;
        let known = runtime.store.flows(()).await?;
        let known = known.iter().map(mainstay_core::flow::FlowDefinition::flow_version);
        let missing: BTreeSet<_> = known.filter(|version| !served.contains(version)).collect();
        self.since.retain(|version, _| missing.contains(version));
        for version in missing {
            self.since.entry(version).or_insert(now);
        }
        let grace = runtime.options.lease * LEASES;
        if self.since.values().any(|since| now.saturating_sub(*since) >= grace) {
            self.look(desk, now.saturating_sub(grace)).await?;
        }
        Ok(())
    }

    /// Looks at the next part of the queue for runs that somebody wants to end.
    async fn look(&mut self, desk: &Desk, gone_by: Duration) -> Result<(), StoreError> {
        let filter = IndexFilter {
            statuses: vec![RunStatus::Queued],
            before: self.last,
            limit: LOOKS,
            ..IndexFilter::default()
        };
        let rows = desk.runtime.store.list_runs(filter).await?;
        self.last = rows.last().map(|row| row.run_id).filter(|_| rows.len() == LOOKS as usize);
        let gone = |row: &&IndexRow| self.since.get(&row.flow).is_some_and(|at| *at <= gone_by);
        for row in rows.iter().filter(gone) {
            if is_cancelled(&desk.runtime, row.run_id).await? {
                take(desk, row).await?;
            }
        }
        Ok(())
    }
}

async fn is_cancelled(runtime: &Runtime, run_id: RunId) -> Result<bool, StoreError> {
    let mail = runtime.store.inbox(InboxRequest { run_id, after: 0 }).await?;
    Ok(mail.iter().any(|row| matches!(row.body, InboxBody::CancelRequested { .. })))
}

/// Claims the run and ends it. A claim whose answer was lost ends the session, as every such claim.
async fn take(desk: &Desk, row: &IndexRow) -> Result<(), StoreError> {
    let mut nonce = [0; 16];
    nonce.iter_mut().zip(desk.runtime.entropy.draw()).for_each(|(to, from)| *to = from);
    let request = ClaimRequest {
        session: desk.lease.session(),
        lanes: vec![row.flow.clone()],
        only: Some(row.run_id),
        nonces: vec![nonce],
        at: desk.runtime.clock.now(),
    };
    let claimed = desk.runtime.store.claim(request).await.inspect_err(|_| desk.lease.lose())?;
    for claimed in claimed {
        let (run_id, epoch) = (claimed.run.run_id, claimed.run.epoch);
        // It has no place among the drivers, and so leaves none.
        let desk = &Desk { places: Arc::default(), ..desk.clone() };
        match Box::pin(control(desk.clone(), claimed, Arc::new(Notify::new()))).await {
            Ok(driven) => tracing::info!(%run_id, ?driven, "a run without a worker was ended"),
            Err(Stop::Poison(why) | Stop::Corrupt(why)) => {
                tracing::error!(%run_id, why, "the run is set aside");
                super::rescue::set_aside(desk, run_id, epoch).await;
            }
            Err(Stop::Fenced | Stop::Store(_)) => desk.lease.lose(),
        }
    }
    Ok(())
}
