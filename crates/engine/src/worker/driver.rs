//! What a worker does with one run that it claimed, and with one that it lost.

use std::sync::Arc;

use mainstay_core::{id::RunId, store::operation::ClaimedRun};
use tokio::sync::Notify;

use super::rescue;
use crate::drive::{Desk, Drive, Stop, migrate::migrate};

/// Drives it until it is closed or somebody else's.
pub(super) async fn drive(desk: Desk, claimed: ClaimedRun, inbox: Arc<Notify>) {
    let (run_id, epoch) = (claimed.run.run_id, claimed.run.epoch);
    let nudges = desk.nudges.clone();
    let result = match desk.runtime.flows.get(&claimed.run.flow).cloned() {
        Some(flow) => match Drive::open(desk.clone(), flow, claimed, inbox).await {
            Ok(mut drive) => drive.run().await,
            Err(stop) => Err(stop),
        },
        // Rare, and not worth its room in the future of every driver.
        None => Box::pin(migrate(desk.clone(), claimed, inbox)).await,
    };
    match result {
        Ok(driven) => tracing::debug!(%run_id, ?driven, "run closed"),
        Err(Stop::Fenced) => let_go(&desk, run_id, epoch).await,
        Err(Stop::Store(error)) => {
            tracing::warn!(%run_id, %error, "the store let go of a run");
            desk.lease.lose();
        }
        Err(stop @ (Stop::Poison(_) | Stop::Corrupt(_))) => {
            tracing::error!(%run_id, why = %stop, "the run is set aside");
            rescue::set_aside(&desk, run_id, epoch).await;
        }
    }
    nudges.claim.notify_one();
}

/// Lets go of a run whose append the store refused. If the store still names this session as its
/// owner, then nobody else has it: a failover has lost the end of its journal. Nobody would drive
/// it while this session beats, so the session ends, and a takeover reads the journal anew.
async fn let_go(desk: &Desk, run_id: RunId, epoch: u64) {
    let row = desk.runtime.store.run(run_id).await.ok().flatten();
    let owner = row.filter(|row| row.epoch == epoch).and_then(|row| row.owner);
    if owner == Some(desk.lease.session()) {
        tracing::warn!(%run_id, "the store has lost part of a run's journal; the session ends");
        desk.lease.lose();
    } else {
        tracing::info!(%run_id, "another worker owns the run");
    }
}
