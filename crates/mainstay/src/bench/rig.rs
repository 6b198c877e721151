//! The real engine around the chain: start runs, then drive them with one worker.

use std::{collections::BTreeSet, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use mainstay_core::{code::Code, id::RunId, port::Clock, store::Store, time::Timestamp};
use mainstay_engine::{
    commands::StartRun,
    flows::Flows,
    runtime::{Options, Runtime},
    system::{OsEntropy, SystemClock},
    worker::Worker,
};
use mainstay_tools::{Resources, ToolSet};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Plan, Span, chain::Chain, counted::Counted, process};
use crate::{cli::error::CliError, models};

/// Runs started at the same time.
const STARTS: usize = 32;

/// Runs that are queued and wait for a worker.
pub(super) struct Queued(BTreeSet<RunId>);

/// The engine as it is measured.
pub(super) struct Rig {
    plan: Plan,
    clock: Arc<dyn Clock>,
    counted: Arc<Counted>,
    runtime: Arc<Runtime>,
}

impl Rig {
    pub(super) fn new(store: Arc<dyn Store>, plan: Plan) -> Result<Self, CliError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let tools = ToolSet::new().open(Resources::new(), clock.clone());
        let tools = tools.map_err(|error| CliError::new(error.code(), error.to_string()))?;
        let counted = Arc::new(Counted::new(store, clock.clone()));
        let mut flows = Flows::default();
        flows.add(Arc::new(Chain::new(plan.steps, plan.payload_bytes, seed(clock.now()))));
        let schema = tools.schema();
        let options = Options { concurrency: plan.concurrency, ..Options::default() };
        let runtime = Runtime::new(
            counted.clone(),
            clock.clone(),
            Arc::new(OsEntropy),
            flows,
            models::none(&crate::config::ModelSettings::default()),
            (Arc::new(tools), schema),
        );
        Ok(Self { plan, clock, counted, runtime: Arc::new(runtime.with_options(options)) })
    }

    pub(super) const fn plan(&self) -> Plan {
        self.plan
    }

    /// Starts runs and drives them to their end.
    pub(super) async fn drive(&self, runs: usize) -> Result<(), CliError> {
        let queued = self.start(runs).await?;
        self.measure(queued).await.map(drop)
    }

    /// Queues runs, which nobody drives yet: starting is not what is measured.
    pub(super) async fn start(&self, runs: usize) -> Result<Queued, CliError> {
        self.register().await?;
        let start = |_| self.runtime.start(StartRun::new(Chain::NAME, json!({})));
        let started = stream::iter(0..runs).map(start).buffer_unordered(STARTS);
        let ids = started.map_ok(|started| started.run_id).try_collect().await?;
        Ok(Queued(ids))
    }

    /// Drives runs that are queued, and measures from the worker's start to the last commit.
    pub(super) async fn measure(&self, Queued(runs): Queued) -> Result<Span, CliError> {
        let commits = self.commits().await?;
        self.counted.expect(runs);
        let stop = CancellationToken::new();
        let (start, cpu) = (self.clock.boot(), process::cpu());
        let worker = Worker::new(self.runtime.clone(), "bench").run(stop.clone());
        let mut worker = tokio::spawn(worker);
        let gone = tokio::select! {
            () = self.counted.ended() => None,
            gone = &mut worker => Some(gone),
        };
        let mut span = Span {
            took: self.clock.boot().saturating_sub(start),
            cpu: process::cpu().saturating_sub(cpu),
            rss_bytes: process::rss_bytes(),
            wal: None,
            flushes: 0,
            tally: self.counted.take(),
        };
        stop.cancel();
        let ended = match gone {
            Some(gone) => gone,
            None => worker.await,
        };
        ended.map_err(|error| CliError::new(Code::Bug, error.to_string()))??;
        span.flushes = self.commits().await? - commits;
        match span.tally.astray.first() {
            Some(run) => {
                Err(CliError::new(Code::Bug, format!("a run of the bench went astray: {run}")))
            }
            None => Ok(span),
        }
    }

    /// Commits of this store that carried parts of journals, so far.
    async fn commits(&self) -> Result<u64, CliError> {
        Ok(self.runtime.store.facts(()).await?.commits)
    }

    async fn register(&self) -> Result<(), CliError> {
        for flow in self.runtime.flows.iter() {
            self.runtime.store.register_flow(flow.program.definition().clone()).await?;
        }
        Ok(())
    }
}

/// Payloads of one bench are not those of another in the same database.
fn seed(now: Timestamp) -> u64 {
    now.micros().unsigned_abs() << 20
}
