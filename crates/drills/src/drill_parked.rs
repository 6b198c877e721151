//! Many parked runs: what they cost the worker that parked them, and how soon they wake.

use std::{path::Path, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use mainstay::StartRun;
use mainstay_core::{id::RunId, port::Clock, store::row::ReviewFilter};
use mainstay_engine::system::SystemClock;
use serde::Serialize;
use serde_json::json;

use crate::{
    Fault,
    chance::Chance,
    crew::Agency,
    drill_decide::{decide, percentile},
    ledger::Ledger,
    place::{Kind, Office, Place},
};

/// How long anything may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Runs started at the same time.
const STARTS: usize = 32;

/// What is drilled.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// On which store.
    pub kind: Kind,
    /// Runs in all.
    pub runs: u32,
    /// Runs that are parked before memory is looked at: by then the allocator has what it needs.
    pub warm: u32,
    /// Runs that are woken, one at a time.
    pub woken: usize,
}

impl Plan {
    /// So many runs.
    #[must_use]
    pub const fn of(kind: Kind, runs: u32) -> Self {
        Self { kind, runs, warm: 2_000, woken: 200 }
    }
}

/// What they cost.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// The store.
    pub store: &'static str,
    /// Runs parked.
    pub parked: usize,
    /// The worker's resident memory before the first run.
    pub rss_idle_bytes: u64,
    /// With the first few thousand parked.
    pub rss_before_bytes: u64,
    /// With all of them parked.
    pub rss_after_bytes: u64,
    /// What it grew by, by run that was parked in between.
    pub bytes_per_run: f64,
    /// How long it took to start and park them all.
    pub parked_in_s: f64,
    /// Runs woken, one at a time.
    pub woken: usize,
    /// From a decision to the woken run's call: half within this.
    pub wake_p50_ms: f64,
    /// 99 of 100 within this.
    pub wake_p99_ms: f64,
}

/// Drills.
///
/// # Errors
/// A database or a worker cannot be had, or runs do not park or wake.
pub async fn drill(program: &Path, plan: Plan) -> Result<Figures, Fault> {
    let ledger = Ledger::open(Duration::ZERO).await?;
    let place = Place::make(plan.kind).await?;
    let office = place.office().await?;
    let worker = Agency::new(program, place.url(), ledger.line()).with_concurrency(64);
    let worker = worker.hire("keeper")?;
    office.staffed(1, PATIENCE).await?;
    let rss_idle_bytes = worker.memory()?.resident_bytes;
    let began = SystemClock.boot();
    let mut parked = park(&office, 0..plan.warm).await?;
    let rss_before_bytes = worker.memory()?.resident_bytes;
    parked.extend(park(&office, plan.warm..plan.runs.max(plan.warm)).await?);
    let rss_after_bytes = worker.memory()?.resident_bytes;
    let parked_in_s = (SystemClock.boot() - began).as_secs_f64();
    let mut took = wake(&office, &ledger, &parked, plan.woken).await?;
    let between = parked.len().saturating_sub(plan.warm as usize).max(1);
    Ok(Figures {
        store: plan.kind.name(),
        parked: parked.len(),
        rss_idle_bytes,
        rss_before_bytes,
        rss_after_bytes,
        bytes_per_run: (rss_after_bytes as f64 - rss_before_bytes as f64) / between as f64,
        parked_in_s,
        woken: took.len(),
        wake_p50_ms: percentile(&mut took, 50),
        wake_p99_ms: percentile(&mut took, 99),
    })
}

/// Starts runs, and returns them once all are parked.
async fn park(office: &Office, numbers: std::ops::Range<u32>) -> Result<Vec<RunId>, Fault> {
    let start =
        |number| office.runtime.start(StartRun::new("question", json!({ "number": number })));
    let started = stream::iter(numbers).map(start).buffered(STARTS);
    let runs: Vec<_> = started.map_ok(|started| started.run_id).try_collect().await?;
    for run_id in &runs {
        tokio::time::timeout(PATIENCE, office.runtime.settle(*run_id)).await??;
    }
    Ok(runs)
}

async fn wake(
    office: &Office,
    ledger: &Ledger,
    runs: &[RunId],
    woken: usize,
) -> Result<Vec<Duration>, Fault> {
    let mut took = Vec::new();
    for picked in Chance::new(1).some_of(runs.len(), woken) {
        let Some(run_id) = runs.get(picked) else { continue };
        let mut reviews = office.runtime.store.reviews(ReviewFilter::OfRun(*run_id)).await?;
        let review = reviews.pop().ok_or("it waits for nobody")?;
        took.push(decide(office, ledger, review).await?);
    }
    Ok(took)
}
