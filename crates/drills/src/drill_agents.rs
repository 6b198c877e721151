//! What the engine adds to an agent's turns, and what an agent weighs that waits for its model.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use mainstay::StartRun;
use mainstay_core::{id::RunId, run::RunStatus};
use mainstay_engine::{runtime::Runtime, worker::Worker};
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    Fault,
    clerk::{Calls, Pace, Stopwatch, TURNS, runtime},
    crew::Memory,
    drill_decide::percentile,
    place::{Kind, Place},
};

/// How long anything may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs started at the same time.
const STARTS: usize = 32;

/// Longer than a drill waits for anything.
const NEVER: Duration = Duration::from_secs(3_600);

/// The turn in which agents are weighed.
const WEIGHED: usize = 6;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The store.
    pub kind: Kind,
    /// Agents of twelve turns, one after the other.
    pub runs: usize,
    /// How long the model takes for a turn.
    pub latency: Duration,
}

/// What the engine adds.
#[derive(Debug, Clone, Serialize)]
pub struct Turns {
    /// The store.
    pub store: &'static str,
    /// Turns that were measured: all but the last of each agent.
    pub turns: usize,
    /// From the model's answer, over the tool's call, to the next question: half within this.
    pub added_p50_ms: f64,
    /// 95 of 100 within this.
    pub added_p95_ms: f64,
    /// All within this.
    pub added_max_ms: f64,
    /// What the model itself took, median.
    pub model_p50_ms: f64,
    /// Commits for each turn, those of starting and ending the runs included.
    pub commits_per_turn: f64,
}

/// Measures turns.
///
/// # Errors
/// A database cannot be had, or an agent does not come to its end.
pub async fn turns(plan: Plan) -> Result<Turns, Fault> {
    let place = Place::make(plan.kind).await?;
    let model = Arc::new(Stopwatch::new(Pace { turn: plan.latency, sixth: plan.latency })?);
    let runtime = runtime(place.store().await?, Arc::clone(&model), 1).await?;
    let office = Office::open(&runtime);
    let (mut added, mut asked) = (Vec::new(), Vec::new());
    // The first pays for what is set up once.
    ended(&runtime).await?;
    model.take();
    let before = runtime.store.facts(()).await?.commits;
    for _ in 0..plan.runs {
        ended(&runtime).await?;
        let Calls { begun, ended } = model.take();
        if begun.len() != TURNS {
            return Err(format!("an agent took {} turns", begun.len()).into());
        }
        let next = begun.iter().skip(1);
        added.extend(next.zip(&ended).map(|(next, ended)| next.saturating_sub(*ended)));
        asked.extend(begun.iter().zip(&ended).map(|(begun, ended)| ended.saturating_sub(*begun)));
    }
    let commits = runtime.store.facts(()).await?.commits - before;
    office.close().await?;
    Ok(Turns {
        store: plan.kind.name(),
        turns: added.len(),
        added_p50_ms: percentile(&mut added, 50),
        added_p95_ms: percentile(&mut added, 95),
        added_max_ms: percentile(&mut added, 100),
        model_p50_ms: percentile(&mut asked, 50),
        commits_per_turn: commits as f64 / (plan.runs * TURNS) as f64,
    })
}

/// What agents weigh.
#[derive(Debug, Clone, Serialize)]
pub struct Waiting {
    /// The store.
    pub store: &'static str,
    /// Agents that waited for their model at once, in their sixth turn.
    pub agents: usize,
    /// What the process had resident when one agent had come to its end.
    pub before_bytes: u64,
    /// What it had with all of them waiting.
    pub with_bytes: u64,
    /// The difference, for each.
    pub kib_per_agent: f64,
}

/// Weighs agents that wait for a slow model.
///
/// # Errors
/// A database cannot be had, or not all agents get to where they should.
pub async fn waiting(kind: Kind, agents: usize) -> Result<Waiting, Fault> {
    let place = Place::make(kind).await?;
    let store = place.store().await?;
    let quick = Arc::new(Stopwatch::new(Pace { turn: Duration::ZERO, sixth: Duration::ZERO })?);
    let warm = runtime(Arc::clone(&store), quick, agents).await?;
    let office = Office::open(&warm);
    ended(&warm).await?;
    office.close().await?;
    let slow = Arc::new(Stopwatch::new(Pace { turn: Duration::ZERO, sixth: NEVER })?);
    let runtime = runtime(store, Arc::clone(&slow), agents).await?;
    let before_bytes = Memory::own()?.resident_bytes;
    let office = Office::open(&runtime);
    let started = stream::iter(0..agents).map(|_| start(&runtime)).buffer_unordered(STARTS);
    let runs: Vec<RunId> = started.try_collect().await?;
    let all_wait = (runs.len(), runs.len() * (WEIGHED - 1));
    let wait = async {
        while slow.count() != all_wait {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let arrived = tokio::time::timeout(PATIENCE, wait).await;
    arrived.map_err(|_| format!("the agents got to {:?} of {all_wait:?}", slow.count()))?;
    let with_bytes = Memory::own()?.resident_bytes;
    office.leave();
    let grown = with_bytes.saturating_sub(before_bytes);
    let kib_per_agent = grown as f64 / 1_024.0 / agents.max(1) as f64;
    Ok(Waiting { store: kind.name(), agents, before_bytes, with_bytes, kib_per_agent })
}

async fn start(runtime: &Runtime) -> Result<RunId, Fault> {
    Ok(runtime.start(StartRun::new("clerk", json!({}))).await?.run_id)
}

/// Starts an agent and waits until it has come to its end.
async fn ended(runtime: &Runtime) -> Result<(), Fault> {
    let run_id = start(runtime).await?;
    let row = tokio::time::timeout(PATIENCE, runtime.settle(run_id)).await??;
    if row.status == RunStatus::Completed {
        return Ok(());
    }
    Err(format!("an agent's run ended {}", row.status.as_str()).into())
}

/// A worker in this process.
struct Office {
    stop: CancellationToken,
    worker: JoinHandle<Result<(), Fault>>,
}

impl Office {
    fn open(runtime: &Arc<Runtime>) -> Self {
        let stop = CancellationToken::new();
        let worker = Worker::new(Arc::clone(runtime), "agents").run(stop.clone());
        let worker = tokio::spawn(async move { worker.await.map(drop).map_err(Fault::from) });
        Self { stop, worker }
    }

    /// Lets it come to its end.
    async fn close(self) -> Result<(), Fault> {
        self.stop.cancel();
        self.worker.await?
    }

    /// Drops whatever it was doing.
    fn leave(self) {
        self.worker.abort();
    }
}
