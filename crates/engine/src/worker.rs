//! A worker: a session with a lease, drivers for the runs it claims, and the loops in the
//! background that any worker may run.

mod ahead;
mod background;
mod control;
mod driver;
mod proof;
mod rescue;
mod revive;
mod session;
mod upkeep;

use std::{sync::Arc, time::Duration};

use mainstay_core::{code::Code, flow::FlowVersion};
use tokio_util::sync::CancellationToken;

use crate::{error::EngineError, runtime::Runtime};

/// What a worker did between its start and its stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkerReport {
    /// Runs it claimed.
    pub claimed: u64,
    /// Sessions it lost to others.
    pub sessions_lost: u64,
}

/// Pause before a store that went away is asked for a new session again.
const AGAIN: Duration = Duration::from_millis(200);

/// Drives runs until it is told to stop.
#[derive(Debug, Clone)]
pub struct Worker {
    runtime: Arc<Runtime>,
    name: String,
}

impl Worker {
    /// Makes a worker; `name` is for people.
    #[must_use]
    pub fn new(runtime: Arc<Runtime>, name: impl Into<String>) -> Self {
        Self { runtime, name: name.into() }
    }

    /// Registers the flows, then claims and drives runs until `stop`. A stop is graceful: nothing
    /// new is claimed, calls under way end within the drain time, and every run is given back.
    ///
    /// A session that is lost is over for good; the process goes on under a new one, as soon as the
    /// store gives it one.
    ///
    /// # Errors
    /// The store refuses what a worker must do first: register its flows and open a session.
    pub async fn run(self, stop: CancellationToken) -> Result<WorkerReport, EngineError> {
        self.register().await?;
        let (mut report, mut had_one) = (WorkerReport::default(), false);
        while !stop.is_cancelled() {
            let over = match session::run(&self.runtime, &self.name, &stop).await {
                Ok(over) => over,
                // It was there before, and may come back.
                Err(error) if had_one && error.code == Code::StoreUnreachable => {
                    tracing::warn!(worker = %self.name, %error, "no new session yet");
                    self.pause(&stop).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            had_one = true;
            report.claimed += over.claimed;
            if over.lost {
                report.sessions_lost += 1;
                tracing::warn!(worker = %self.name, "session lost, going on under a new one");
            }
        }
        Ok(report)
    }

    async fn pause(&self, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.runtime.clock.sleep(AGAIN) => {}
        }
    }

    /// Makes this process's flows known. A version number that stands for another graph is refused:
    /// runs of the two could not be told apart by people.
    async fn register(&self) -> Result<(), EngineError> {
        for flow in self.runtime.flows.iter() {
            let definition = flow.program.definition().clone();
            let stored = self.runtime.store.register_flow(definition).await?;
            if stored != flow.version {
                let FlowVersion { name, version, .. } = &flow.version;
                let why = format!("`{name}` version {version} is known with another graph");
                return Err(EngineError::new(Code::FlowChanged, why).with_hint(format!(
                    "raise `version` of `{name}`; runs of version {version} go on with the old program"
                )));
            }
        }
        Ok(())
    }
}
