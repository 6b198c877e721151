//! How soon a run goes on that has a long journal, beside one with a short one.

use std::{path::Path, time::Duration};

use mainstay::StartRun;
use mainstay_core::{
    budget::Limits, id::RunId, journal::Entry, port::Clock, store::row::ReviewFilter,
};
use mainstay_engine::system::SystemClock;
use serde::Serialize;
use serde_json::json;

use crate::{
    Fault,
    crew::Agency,
    drill_decide::{decide, percentile},
    ledger::Ledger,
    march::RESTS,
    place::{Kind, Office, Place},
};

/// How long a march may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(900);

/// Steps of the short march.
const SHORT: u32 = 10;

/// How soon.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// The store.
    pub store: &'static str,
    /// Steps of the long one; the short one has 10.
    pub steps: u32,
    /// How long the long march took.
    pub marched_s: f64,
    /// From a decision to the next call, median, of the short one.
    pub short_ms: f64,
    /// And of the long one.
    pub long_ms: f64,
    /// The one by the other.
    pub ratio: f64,
    /// A step of the long march from its tenth on: a fifth of a tenth of them were as quick.
    pub early_step_us: f64,
    /// And of its last tenth.
    pub late_step_us: f64,
    /// The one by the other.
    pub slowdown: f64,
}

/// Drills.
///
/// # Errors
/// A database or a worker cannot be had, or a run does not go on.
pub async fn drill(program: &Path, kind: Kind, steps: u32) -> Result<Figures, Fault> {
    let ledger = Ledger::open(Duration::ZERO).await?;
    let place = Place::make(kind).await?;
    let office = place.office().await?;
    let _worker = Agency::new(program, place.url(), ledger.line()).hire("marcher")?;
    office.staffed(1, PATIENCE).await?;
    let began = SystemClock.boot();
    let long = march(&office, steps).await?;
    let marched = SystemClock.boot() - began;
    let short = march(&office, SHORT).await?;
    let (mut shorts, mut longs) = (Vec::new(), Vec::new());
    for _ in 0..RESTS {
        // By turns, so that both meet the same worker, as warm and as busy.
        shorts.push(wake(&office, &ledger, short).await?);
        longs.push(wake(&office, &ledger, long).await?);
    }
    let (short_ms, long_ms) = (percentile(&mut shorts, 50), percentile(&mut longs, 50));
    let spans = spans(&office, long).await?;
    let tenth = spans.len() / 10;
    let mut early: Vec<_> = spans.iter().skip(10).take(tenth).copied().collect();
    let mut late: Vec<_> = spans.iter().rev().take(tenth).copied().collect();
    // The quicker ones: a machine may be busier at one end of the march than at the other.
    let (early, late) = (percentile(&mut early, 20), percentile(&mut late, 20));
    Ok(Figures {
        store: kind.name(),
        steps,
        marched_s: marched.as_secs_f64(),
        short_ms,
        long_ms,
        ratio: long_ms / short_ms,
        early_step_us: early * 1_000.0,
        late_step_us: late * 1_000.0,
        slowdown: late / early,
    })
}

/// Goes so many steps, to the first rest.
async fn march(office: &Office, steps: u32) -> Result<RunId, Fault> {
    let limits = Limits { depth: Some(u64::from(steps) * 2 + 100), ..Limits::none() };
    let wish = StartRun::new("march", json!({ "steps": steps }));
    let run_id = office.runtime.start(StartRun { limits, ..wish }).await?.run_id;
    tokio::time::timeout(PATIENCE, office.runtime.settle(run_id)).await??;
    Ok(run_id)
}

/// Lets a resting march go on, to its next rest, and returns how soon it did.
async fn wake(office: &Office, ledger: &Ledger, run_id: RunId) -> Result<Duration, Fault> {
    let reviews = office.runtime.store.reviews(ReviewFilter::OfRun(run_id)).await?;
    let review = reviews.into_iter().find(|review| review.open).ok_or("it does not rest")?;
    let took = decide(office, ledger, review).await?;
    tokio::time::timeout(PATIENCE, office.runtime.settle(run_id)).await??;
    Ok(took)
}

/// Returns the time from the end of each step to that of the next, as the journal has it.
async fn spans(office: &Office, run_id: RunId) -> Result<Vec<Duration>, Fault> {
    let view = office.runtime.view(run_id).await?;
    let gone = view.rows.iter().filter(
        |(_, entry)| matches!(entry, Entry::StepFinished { step, .. } if &*step.step == "go"),
    );
    let ends: Vec<_> = gone.map(|(row, _)| row.at).collect();
    Ok(ends.iter().zip(ends.iter().skip(1)).map(|(one, next)| next.since(*one)).collect())
}
