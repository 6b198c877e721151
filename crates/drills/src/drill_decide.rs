//! How soon a run goes on when somebody decides, and its worker had nothing to do.

use std::{path::Path, sync::Arc, time::Duration};

use mainstay::{Resources, StartRun};
use mainstay_core::{
    id::RunId,
    port::Clock,
    review::Decision,
    store::row::{ReviewFilter, ReviewRow},
};
use mainstay_engine::{system::SystemClock, worker::Worker};
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    Fault,
    crew::Agency,
    ledger::Ledger,
    place::{Kind, Office, Place},
};

/// How long anything may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than an idle worker's longest pause between two looks: it is idle when it is told.
const IDLE: Duration = Duration::from_millis(1_300);

/// Where the worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Where {
    /// In the process that decides, on the same store.
    Here,
    /// In a process of its own.
    Elsewhere,
}

/// What is drilled.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// On which store.
    pub kind: Kind,
    /// Where the worker is.
    pub worker: Where,
    /// How many decisions.
    pub times: u32,
}

/// How soon.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// The store.
    pub store: &'static str,
    /// Whether the worker was in the process that decided.
    pub same_process: bool,
    /// Decisions.
    pub decisions: usize,
    /// From the decision's return to the run's next call: half of them within this.
    pub p50_ms: f64,
    /// 95 of 100 within this.
    pub p95_ms: f64,
    /// All within this.
    pub max_ms: f64,
}

/// Drills.
///
/// # Errors
/// A database or a worker cannot be had, or a run does not go on.
pub async fn drill(program: &Path, plan: Plan) -> Result<Figures, Fault> {
    let ledger = Ledger::open(Duration::ZERO).await?;
    let place = Place::make(plan.kind).await?;
    let office = place.office_with(Resources::new().with(ledger.line())).await?;
    let stop = CancellationToken::new();
    let (mut hired, mut here) = (None, None);
    match plan.worker {
        Where::Here => {
            let worker = Worker::new(Arc::clone(&office.runtime), "here").run(stop.clone());
            here = Some(tokio::spawn(worker));
        }
        Where::Elsewhere => {
            hired = Some(Agency::new(program, place.url(), ledger.line()).hire("elsewhere")?);
        }
    }
    office.staffed(1, PATIENCE).await?;
    let mut took = Vec::new();
    for review in parked(&office, plan.times).await? {
        tokio::time::sleep(IDLE).await;
        took.push(decide(&office, &ledger, review).await?);
    }
    stop.cancel();
    if let Some(worker) = here {
        worker.await??;
    }
    drop(hired);
    Ok(Figures {
        store: plan.kind.name(),
        same_process: plan.worker == Where::Here,
        decisions: took.len(),
        p50_ms: percentile(&mut took, 50),
        p95_ms: percentile(&mut took, 95),
        max_ms: percentile(&mut took, 100),
    })
}

/// Returns a percentile in milliseconds, by nearest rank.
pub fn percentile(took: &mut [Duration], percent: usize) -> f64 {
    took.sort_unstable();
    let rank = (took.len() * percent).div_ceil(100).saturating_sub(1);
    took.get(rank).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
}

/// Starts questions, and returns their reviews once all are parked.
async fn parked(office: &Office, times: u32) -> Result<Vec<ReviewRow>, Fault> {
    let mut runs = Vec::<RunId>::new();
    for number in 0..times {
        let wish = StartRun::new("question", json!({ "number": number }));
        runs.push(office.runtime.start(wish).await?.run_id);
    }
    for run_id in &runs {
        tokio::time::timeout(PATIENCE, office.runtime.settle(*run_id)).await??;
    }
    Ok(office.runtime.store.reviews(ReviewFilter::Open(times)).await?)
}

/// Decides, and returns how long after that the run called.
///
/// # Errors
/// The decision does not count, or the run does not go on.
pub async fn decide(
    office: &Office,
    ledger: &Ledger,
    review: ReviewRow,
) -> Result<Duration, Fault> {
    let before = ledger.book().len();
    let (id, digest) = (review.request.review_id, review.request.subject_digest);
    let decision = Decision::Approve { note: None };
    office.runtime.decide(id, digest, decision, "the drill").await?;
    let decided = SystemClock.boot();
    let wait = async {
        loop {
            if let Some(arrival) = ledger.book().arrivals().get(before) {
                return arrival.at.saturating_sub(decided);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    Ok(tokio::time::timeout(PATIENCE, wait).await?)
}
