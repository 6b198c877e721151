//! A setup on a store, driven by one worker that nobody disturbs.

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    fold::Projection,
    id::RunId,
    run::RunStatus,
    store::{Store, row::RunRow},
    time::Timestamp,
    wait::Wait,
};
use mainstay_engine::{
    commands::{RunView, StartRun, is_stopped},
    error::EngineError,
    runtime::Runtime,
    worker::Worker,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Ground, Plot, Setup, Stage};
use crate::clock::{SeededEntropy, SimulatedClock};

/// How long a run may take in reality before a test takes it for hung: long, because a slow machine
/// is no fault.
const PATIENCE: Duration = Duration::from_secs(600);

/// A setup on a stage, with a store and a runtime.
pub struct Rig {
    /// What commands and workers run on.
    pub runtime: Arc<Runtime>,
    /// The clock, for the test to move.
    pub clock: Arc<SimulatedClock>,
    /// The program.
    pub setup: Setup,
    // Holds the folder or database until the store is gone.
    _plot: Plot,
}

impl std::fmt::Debug for Rig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rig").field("runtime", &self.runtime).finish_non_exhaustive()
    }
}

impl Rig {
    /// Puts a setup up on an empty store; its randomness comes from `seed`.
    ///
    /// # Errors
    /// There is no such store to be had.
    pub async fn on<F>(
        ground: Ground,
        seed: u64,
        setup: impl FnOnce(Stage) -> F,
    ) -> Result<Self, String>
    where
        F: Future<Output = Setup>,
    {
        let clock = Arc::new(ground.clock());
        let mut plot = Plot::on(ground).await?;
        let (store, url) = plot.fresh(clock.clone()).await?;
        let stage = Stage { clock: clock.clone(), url };
        let setup = setup(stage.clone()).await;
        let entropy = Arc::new(SeededEntropy::new(seed));
        let runtime = Arc::new(setup.process(&stage, store, entropy, setup.borders()));
        Ok(Self { runtime, clock, setup, _plot: plot })
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.runtime.store
    }

    /// Starts a run.
    ///
    /// # Errors
    /// See [`Runtime::start`].
    pub async fn start(&self, wish: StartRun) -> Result<RunId, EngineError> {
        Ok(self.runtime.start(wish).await?.run_id)
    }

    /// Drives with one worker until the run ends or waits for somebody; waits that time alone ends
    /// are passed over.
    ///
    /// # Errors
    /// The worker failed, or the run came to no rest; then its journal is printed with it.
    pub async fn drive(&self, run_id: RunId) -> Result<RunView, String> {
        let stop = CancellationToken::new();
        let worker = Worker::new(self.runtime.clone(), "test");
        let worker = tokio::spawn(worker.run(stop.clone()));
        let settled = tokio::time::timeout(PATIENCE, self.settle(run_id)).await;
        stop.cancel();
        let ended = worker.await.map_err(|e| e.to_string())?;
        ended.map_err(|e| e.to_string())?;
        let view = self.runtime.view(run_id).await.map_err(|e| e.to_string())?;
        match settled {
            Ok(settled) => settled.map(|()| view).map_err(|e| e.to_string()),
            Err(_) => Err(format!("the run came to no rest: {}", listing(&view))),
        }
    }

    async fn settle(&self, run_id: RunId) -> Result<(), EngineError> {
        loop {
            let row = self.runtime.row(run_id).await?;
            if row.status.is_terminal() || is_stopped(&row) {
                return Ok(());
            }
            if row.status == RunStatus::Parked && next_due(&row).is_some() {
                self.clock.advance(Duration::from_secs(1));
            }
            tokio::time::sleep(self.clock.longest_wait()).await;
        }
    }

    /// Decides every open review of a run as the setup's person does. Returns how many.
    ///
    /// # Errors
    /// A decision was refused.
    pub async fn decide(&self, run_id: RunId) -> Result<usize, EngineError> {
        let filter = mainstay_core::store::row::ReviewFilter::OfRun(run_id);
        let open = self.runtime.store.reviews(filter).await?;
        let open: Vec<_> = open.into_iter().filter(|row| row.open).collect();
        for row in &open {
            let review = &row.request;
            let outside = self.setup.outside.as_ref();
            let decision = self.setup.person.decide(run_id, review, outside).await;
            self.runtime.decide(review.review_id, review.subject_digest, decision, "ann").await?;
        }
        Ok(open.len())
    }

    /// Returns a run's output.
    ///
    /// # Errors
    /// The store does not answer, or the output does not read back.
    pub async fn output(&self, run: &Projection) -> Result<Value, EngineError> {
        match &run.output {
            Some(held) => self.runtime.value(run.run_id, held).await,
            None => Ok(Value::Null),
        }
    }
}

/// Returns when a parked run goes on by time alone, if it does.
pub(crate) fn next_due(row: &RunRow) -> Option<Timestamp> {
    let waits = row.wait.as_ref().map(|set| set.waits.as_slice()).unwrap_or_default();
    waits
        .iter()
        .filter_map(|wait| match wait {
            Wait::Timer { due } => Some(*due),
            Wait::Retry { at, .. } => Some(*at),
            Wait::Signal { until, .. } => *until,
            Wait::Review { .. }
            | Wait::Child { .. }
            | Wait::Budget { .. }
            | Wait::WorkerVersion { .. }
            | Wait::Divergence(_)
            | Wait::Quarantine { .. } => None,
        })
        .min()
}

/// Returns a journal as text, for a failing test.
pub(crate) fn listing(view: &RunView) -> String {
    let mut text = format!("{:?}\n", view.row);
    for (row, entry) in &view.rows {
        text.push_str(&format!("{:>4} e{} {entry:?}\n", row.position, row.epoch));
    }
    text
}
