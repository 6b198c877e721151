//! The bench's chain on journals of several sizes, with several numbers of workers.
//!
//! Every size has a database of its own, filled beforehand. The rounds go through all of them by
//! turns, so that whatever else the machine does meets each size alike.

use std::{path::Path, sync::Arc, time::Duration};

use mainstay::Resources;
use mainstay_core::{id::RunId, journal::Entry, time::Timestamp};
use mainstay_engine::worker::Worker;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    Fault,
    chain::{chain, start},
    crew::Agency,
    fill::fill,
    ledger::Ledger,
    place::{Kind, Office, Place, runtime},
};

/// How long a round may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(900);

/// Runs that are copied until the journal has its size.
const TEMPLATES: usize = 20;

/// Bytes of each value that is copied.
const SMALL: usize = 300;

/// Runs that each worker drives at the same time.
const CONCURRENCY: usize = 64;

/// What is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The store.
    pub kind: Kind,
    /// Rows of the journals.
    pub rows: Vec<usize>,
    /// Numbers of worker processes.
    pub workers: Vec<usize>,
    /// How often each is measured.
    pub rounds: usize,
    /// Runs of each measurement.
    pub runs: usize,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The store.
    pub store: &'static str,
    /// Every size with every number of workers.
    pub points: Vec<Point>,
    /// The most that a size lost against another, with the same workers: nothing is 0.
    pub spread: f64,
}

/// One size with so many workers.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    /// Rows of the journal before the first round.
    pub rows: i64,
    /// Worker processes.
    pub workers: usize,
    /// Steps a second, median of the rounds.
    pub steps_per_s: f64,
    /// Of each round.
    pub rounds: Vec<f64>,
}

/// Drills on databases of its own.
///
/// # Errors
/// A database or a worker cannot be had, or runs do not end.
pub async fn drill(
    program: &Path,
    plan: Plan,
    tell: &(dyn Fn(String) + Sync),
) -> Result<Report, Fault> {
    let mut places = Vec::new();
    for rows in &plan.rows {
        let place = Place::make(plan.kind).await?;
        let rows = filled(&place, *rows).await?;
        tell(format!("a journal of {rows} rows"));
        places.push((place, rows));
    }
    let mut points = Vec::new();
    for (_, rows) in &places {
        points.extend(plan.workers.iter().map(|workers| Point::new(*rows, *workers)));
    }
    for _ in 0..plan.rounds.max(1) {
        for point in &mut points {
            let place = places.iter().find(|(_, rows)| *rows == point.rows);
            let (place, _) = place.ok_or("a size without a database")?;
            let steps_per_s = round(program, place, point.workers, plan.runs).await?;
            tell(format!("{} rows, {} workers: {steps_per_s:.0}", point.rows, point.workers));
            point.rounds.push(steps_per_s);
        }
    }
    points.iter_mut().for_each(Point::decide);
    let spread = spread(&points);
    Ok(Report { store: plan.kind.name(), points, spread })
}

/// Runs the templates and copies them.
async fn filled(place: &Place, rows: usize) -> Result<i64, Fault> {
    let runtime = Arc::new(runtime(place.store().await?, Resources::new(), chain(SMALL))?);
    let stop = CancellationToken::new();
    let worker = tokio::spawn(Worker::new(runtime.clone(), "template").run(stop.clone()));
    // The worker registers the flows; starting runs waits for nobody.
    let templates = start(&runtime, TEMPLATES).await?;
    for run_id in &templates {
        tokio::time::timeout(PATIENCE, runtime.settle(*run_id)).await??;
    }
    stop.cancel();
    worker.await??;
    fill(place, &templates, rows).await
}

/// Has runs driven by so many processes, and returns the steps a second of the middle of it: while
/// the first workers come and when the last runs end, there is less to do than workers.
async fn round(program: &Path, place: &Place, workers: usize, runs: usize) -> Result<f64, Fault> {
    let ledger = Ledger::open(Duration::ZERO).await?;
    let office = place.office().await?;
    let runs = start(&office.runtime, runs).await?;
    let agency = Agency::new(program, place.url(), ledger.line()).with_concurrency(CONCURRENCY);
    let mut crew = Vec::new();
    for number in 0..workers {
        crew.push(agency.hire(&format!("grower {number}"))?);
    }
    for run_id in &runs {
        tokio::time::timeout(PATIENCE, office.runtime.settle(*run_id)).await??;
    }
    for worker in &mut crew {
        worker.signal(rustix::process::Signal::TERM)?;
        worker.gone().await?;
    }
    let mut ends = ends(&office, &runs).await?;
    middle(&mut ends).ok_or_else(|| "too few steps to measure".into())
}

/// Returns when each step ended.
async fn ends(office: &Office, runs: &[RunId]) -> Result<Vec<Timestamp>, Fault> {
    let mut ends = Vec::new();
    for run_id in runs {
        let view = office.runtime.view(*run_id).await?;
        let ended = view.rows.iter().filter(|(_, e)| matches!(e, Entry::StepFinished { .. }));
        ends.extend(ended.map(|(row, _)| row.at));
    }
    Ok(ends)
}

/// Returns how many a second there were between the first fifth and the last.
fn middle(ends: &mut [Timestamp]) -> Option<f64> {
    ends.sort_unstable();
    let fifth = ends.len() / 5;
    let middle = ends.get(fifth..fifth * 4)?;
    let (first, last) = (middle.first()?, middle.last()?);
    let took = last.since(*first).as_secs_f64();
    (took > 0.0).then(|| (middle.len() - 1) as f64 / took)
}

impl Point {
    const fn new(rows: i64, workers: usize) -> Self {
        Self { rows, workers, steps_per_s: 0.0, rounds: Vec::new() }
    }

    fn decide(&mut self) {
        let mut rounds = self.rounds.clone();
        rounds.sort_unstable_by(f64::total_cmp);
        self.steps_per_s = rounds.get(rounds.len() / 2).copied().unwrap_or(0.0);
    }
}

/// Returns by how much the slowest size is behind the fastest, with the workers where that is most.
fn spread(points: &[Point]) -> f64 {
    let of = |workers: usize| {
        let rates = points.iter().filter(|p| p.workers == workers).map(|p| p.steps_per_s);
        let (low, high) = rates.fold((f64::MAX, 0.0_f64), |(l, h), r| (l.min(r), h.max(r)));
        1.0 - low / high
    };
    points.iter().map(|point| of(point.workers)).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(rows: i64, workers: usize, rounds: &[f64]) -> Point {
        let mut point = Point { rounds: rounds.to_vec(), ..Point::new(rows, workers) };
        point.decide();
        point
    }

    #[test]
    fn sizes_are_compared_by_their_medians_and_with_the_same_workers() {
        let few = [point(10, 1, &[100.0, 90.0, 400.0]), point(99, 1, &[80.0, 80.0, 80.0])];
        assert_eq!(few.first().map(|point| point.steps_per_s), Some(100.0));
        assert!((spread(&few) - 0.2).abs() < 1e-9);
        let more = [point(10, 4, &[50.0]), point(99, 4, &[50.0])];
        assert!((spread(&[few, more].concat()) - 0.2).abs() < 1e-9);
    }

    #[test]
    fn the_rate_is_that_of_the_middle() {
        // Ten steps a second, after a slow beginning and before a slow end.
        let at = |tenths: i64| Timestamp::from_millis(tenths * 100);
        let mut ends: Vec<_> = (20..80).map(at).chain((0..20).map(|n| at(n - 1_000))).collect();
        ends.extend((0..20).map(|n| at(1_000 + n)));
        let rate = middle(&mut ends).unwrap();
        assert!((rate - 10.0).abs() < 0.5, "{rate}");
        assert_eq!(middle(&mut []), None);
    }
}
