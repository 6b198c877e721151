//! What a process costs: how soon it has a durable step, how much memory it has after its first
//! run, and with thousands of runs in flight.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};
use mainstay::{Chain, StartRun};
use mainstay_core::{id::RunId, journal::Entry, port::Clock, run::RunStatus};
use mainstay_engine::system::SystemClock;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    Fault, chain,
    crew::Agency,
    drill_decide::percentile,
    ledger::Ledger,
    place::{Kind, Office, Place},
};

/// How long anything may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs started, or looked at, at the same time.
const STARTS: usize = 32;

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The store.
    pub kind: Kind,
    /// How often a process is started.
    pub starts: usize,
    /// Runs in flight.
    pub runs: usize,
    /// How long each waits inside its call; all of them have to be there by then.
    pub seconds: u32,
}

/// What it costs.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// The store.
    pub store: &'static str,
    /// From the start of the program with a new database until its first step is durable, median.
    /// The second step has then also ended: before the first is durable it does not begin.
    pub start_ms: f64,
    /// The slowest.
    pub start_worst_ms: f64,
    /// What a worker has resident when its first run has ended.
    pub idle_bytes: u64,
    /// Runs that one worker had in flight, each inside a call.
    pub in_flight: usize,
    /// What it had resident with them.
    pub in_flight_bytes: u64,
    /// The most it ever had.
    pub most_bytes: u64,
}

/// Drills.
///
/// # Errors
/// A database or a worker cannot be had, or runs do not get to where they should.
pub async fn drill(program: &Path, plan: Plan) -> Result<Figures, Fault> {
    let mut starts = Vec::new();
    for _ in 0..plan.starts.max(1) {
        starts.push(start(program, plan.kind).await?);
    }
    let idle_bytes = idle(program, plan.kind).await?;
    let (in_flight_bytes, most_bytes) = in_flight(program, plan).await?;
    Ok(Figures {
        store: plan.kind.name(),
        start_ms: percentile(&mut starts, 50),
        start_worst_ms: percentile(&mut starts, 100),
        idle_bytes,
        in_flight: plan.runs,
        in_flight_bytes,
        most_bytes,
    })
}

/// Runs the program on a new database, and returns when its second step had ended.
async fn start(program: &Path, kind: Kind) -> Result<Duration, Fault> {
    let place = Place::make(kind).await?;
    let began = SystemClock.now();
    let Output { status, stdout, .. } = Command::new(program)
        .args(["run", Chain::NAME, "--json"])
        .env("DATABASE_URL", place.url())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await?;
    let document: Value = serde_json::from_slice(&stdout)?;
    let run_id = document.pointer("/run_id").and_then(Value::as_str);
    let run_id = run_id.ok_or_else(|| format!("it ended with {status}"))?.parse::<RunId>()?;
    let view = place.office().await?.runtime.view(run_id).await?;
    let mut steps =
        view.rows.iter().filter(|(_, entry)| matches!(entry, Entry::StepFinished { .. }));
    let (second, _) = steps.nth(1).ok_or("it has no second step")?;
    Ok(second.at.since(began))
}

/// Returns what a worker has after its first run.
async fn idle(program: &Path, kind: Kind) -> Result<u64, Fault> {
    let (ledger, place) = (Ledger::open(Duration::ZERO).await?, Place::make(kind).await?);
    let office = place.office().await?;
    let worker = Agency::new(program, place.url(), ledger.line()).hire("idler")?;
    for run_id in chain::start(&office.runtime, 1).await? {
        tokio::time::timeout(PATIENCE, office.runtime.settle(run_id)).await??;
    }
    Ok(worker.memory()?.resident_bytes)
}

/// Returns what a worker has with all runs in their calls, and the most it ever had.
async fn in_flight(program: &Path, plan: Plan) -> Result<(u64, u64), Fault> {
    let (ledger, place) = (Ledger::open(Duration::ZERO).await?, Place::make(plan.kind).await?);
    let office = place.office().await?;
    let wish = || StartRun::new("vigil", json!({ "seconds": plan.seconds }));
    let start = |_| office.runtime.start(wish());
    let started = stream::iter(0..plan.runs).map(start).buffer_unordered(STARTS);
    let runs: Vec<_> = started.map_ok(|started| started.run_id).try_collect().await?;
    let agency = Agency::new(program, place.url(), ledger.line()).with_concurrency(plan.runs);
    let worker = agency.hire("keeper")?;
    for run_id in &runs {
        tokio::time::timeout(PATIENCE, called(&office, *run_id)).await??;
    }
    let memory = worker.memory()?;
    let statuses = stream::iter(&runs).map(|run_id| office.runtime.row(*run_id));
    let rows: Vec<_> = statuses.buffer_unordered(STARTS).try_collect().await?;
    let running = rows.iter().filter(|row| row.status == RunStatus::Running).count();
    if running < runs.len() {
        return Err(format!("only {running} of {} were in flight at once", runs.len()).into());
    }
    for run_id in &runs {
        let row = tokio::time::timeout(PATIENCE, office.runtime.settle(*run_id)).await??;
        if row.status != RunStatus::Completed {
            return Err(format!("{run_id} ended {}", row.status.as_str()).into());
        }
    }
    Ok((memory.resident_bytes, memory.most_bytes.max(worker.memory()?.most_bytes)))
}

/// Waits until a run has written down that it is going to call.
async fn called(office: &Office, run_id: RunId) -> Result<(), Fault> {
    loop {
        let view = office.runtime.view(run_id).await?;
        if view.rows.iter().any(|(_, entry)| matches!(entry, Entry::EffectIntended { .. })) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
