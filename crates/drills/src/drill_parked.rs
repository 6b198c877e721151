//! Many parked runs: what they cost the worker that parked them, and how soon they wake.

use std::{path::Path, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use mainstay::StartRun;
use mainstay_core::{id::RunId, store::row::ReviewFilter};
use serde::Serialize;
use serde_json::json;

use crate::{
    Fault,
    chance::Chance,
    crew::{Agency, Worker},
    drill_decide::{decide, percentile},
    ledger::Ledger,
    place::{Kind, Office, Place},
};

/// How long anything may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Runs that are parked before memory is looked at: by then the allocator has what it needs.
const WARM: u32 = 2_000;

/// Runs that are woken, one at a time.
const WOKEN: usize = 200;

/// Runs started at the same time.
const STARTS: usize = 32;

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
    /// From a decision to the woken run's call: half within this.
    pub wake_p50_ms: f64,
    /// 99 of 100 within this.
    pub wake_p99_ms: f64,
}

/// Drills.
///
/// # Errors
/// A database or a worker cannot be had, or runs do not park or wake.
pub async fn drill(program: &Path, kind: Kind, runs: u32) -> Result<Figures, Fault> {
    let ledger = Ledger::open(Duration::ZERO).await?;
    let place = Place::make(kind).await?;
    let office = place.office().await?;
    let worker = Agency::new(program, place.url(), ledger.line()).with_concurrency(64);
    let worker = worker.hire("keeper")?;
    office.staffed(1, PATIENCE).await?;
    let rss_idle_bytes = resident(&worker)?;
    let mut parked = park(&office, 0..WARM).await?;
    let rss_before_bytes = resident(&worker)?;
    parked.extend(park(&office, WARM..runs.max(WARM)).await?);
    let rss_after_bytes = resident(&worker)?;
    let mut took = wake(&office, &ledger, &parked).await?;
    let between = parked.len().saturating_sub(WARM as usize).max(1);
    Ok(Figures {
        store: kind.name(),
        parked: parked.len(),
        rss_idle_bytes,
        rss_before_bytes,
        rss_after_bytes,
        bytes_per_run: (rss_after_bytes as f64 - rss_before_bytes as f64) / between as f64,
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

async fn wake(office: &Office, ledger: &Ledger, runs: &[RunId]) -> Result<Vec<Duration>, Fault> {
    let mut took = Vec::new();
    for picked in Chance::new(1).some_of(runs.len(), WOKEN) {
        let Some(run_id) = runs.get(picked) else { continue };
        let mut reviews = office.runtime.store.reviews(ReviewFilter::OfRun(*run_id)).await?;
        let review = reviews.pop().ok_or("it waits for nobody")?;
        took.push(decide(office, ledger, review).await?);
    }
    Ok(took)
}

fn resident(worker: &Worker) -> Result<u64, Fault> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.id))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kibibytes.ok_or("the kernel does not say")?.parse::<u64>()? * 1_024)
}
