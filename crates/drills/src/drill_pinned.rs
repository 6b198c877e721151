//! The bench's chain on Postgres while another session holds a snapshot open.
//!
//! Whatever is deleted after that snapshot stays in the tables and their indexes, dead and in the
//! way, for as long as the session holds it: a backup, a forgotten transaction in somebody's
//! editor. The queue loses a row with every claim, so it is what suffers first.

use std::{sync::Arc, time::Duration};

use mainstay::Resources;
use mainstay_core::port::Clock;
use mainstay_engine::{
    runtime::{Options, Runtime},
    system::SystemClock,
    worker::Worker,
};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::{
    Fault,
    chain::{PAYLOAD, chain_of, start},
    odometer::Odometer,
    place::{Kind, Place, runtime},
};

/// Runs that are there to be driven, or are being driven, at any time.
const BACKLOG: usize = 1_000;

/// Runs started in one go.
const BATCH: usize = 64;

/// The longest part of the end, and of the beginning, that is looked at.
const MINUTE: Duration = Duration::from_secs(60);

/// What is driven.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long each of the two courses takes.
    pub span: Duration,
    /// Steps of a run: the fewer, the more the queue has to bear.
    pub steps: u32,
    /// Runs driven at the same time.
    pub concurrency: usize,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How long each course took.
    pub seconds: u64,
    /// Steps of a run.
    pub steps: u32,
    /// Without a snapshot.
    pub free: Course,
    /// With one, held from before the first run until after the last.
    pub pinned: Course,
    /// What of the free course's speed in its last minute the pinned one has not.
    pub fall: f64,
}

/// One course.
#[derive(Debug, Clone, Serialize)]
pub struct Course {
    /// In its first minute, or its first fifth.
    pub first_steps_per_s: f64,
    /// In its last minute, or its last fifth.
    pub last_steps_per_s: f64,
    /// Runs that ended.
    pub runs: u64,
    /// The queue with its indexes, dead rows and all.
    pub queue_bytes: i64,
}

/// Drills on databases of its own: first without a snapshot, then with one.
///
/// # Errors
/// There is no server, or the worker gives up, or the snapshot was not held.
pub async fn drill(plan: Plan, tell: &(dyn Fn(String) + Sync)) -> Result<Report, Fault> {
    let place = Place::make(Kind::Postgres).await?;
    let free = course(&place, plan).await?;
    tell(format!("without a snapshot: {free:?}"));
    let place = Place::make(Kind::Postgres).await?;
    // The schema is there before the snapshot is.
    drop(place.store().await?);
    let pin = Pin::put(&place).await?;
    let pinned = course(&place, plan).await?;
    pin.pull().await?;
    tell(format!("with one: {pinned:?}"));
    let fall = 1.0 - pinned.last_steps_per_s / free.last_steps_per_s;
    Ok(Report { seconds: plan.span.as_secs(), steps: plan.steps, free, pinned, fall })
}

async fn course(place: &Place, plan: Plan) -> Result<Course, Fault> {
    let odometer = Arc::new(Odometer::new(place.store().await?));
    let chain = chain_of(plan.steps, PAYLOAD);
    let runtime = runtime(odometer.clone(), Resources::new(), chain)?;
    let options = Options { concurrency: plan.concurrency, ..Options::default() };
    let runtime = Arc::new(runtime.with_options(options));
    for flow in runtime.flows.iter() {
        runtime.store.register_flow(flow.program.definition().clone()).await?;
    }
    let stop = CancellationToken::new();
    let mut worker = tokio::spawn(Worker::new(runtime.clone(), "pinned").run(stop.clone()));
    let (first, last) = tokio::select! {
        rates = rates(&odometer, plan.span) => rates,
        fed = feed(&runtime, &odometer) => return Err(fed.err().unwrap_or("no end".into())),
        gone = &mut worker => return Err(format!("the worker ended: {gone:?}").into()),
    };
    let mut sql = PgConnection::connect(place.url()).await?;
    let size = "SELECT pg_total_relation_size('mainstay.ready')";
    let queue_bytes = sqlx::query_scalar(size).fetch_one(&mut sql).await?;
    stop.cancel();
    worker.await??;
    let runs = odometer.runs();
    Ok(Course { first_steps_per_s: first, last_steps_per_s: last, runs, queue_bytes })
}

/// Starts runs for ever, as many as keep the queue filled.
async fn feed(runtime: &Runtime, odometer: &Odometer) -> Result<(), Fault> {
    let mut started = 0;
    loop {
        let ended = usize::try_from(odometer.runs())?;
        if started - ended + BATCH > BACKLOG {
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        }
        started += start(runtime, BATCH).await?.len();
    }
}

/// Returns the steps a second at the beginning and at the end of a span.
async fn rates(odometer: &Odometer, span: Duration) -> (f64, f64) {
    let part = MINUTE.min(span / 5);
    let first = rate(odometer, part).await;
    tokio::time::sleep(span - part * 2).await;
    (first, rate(odometer, part).await)
}

async fn rate(odometer: &Odometer, span: Duration) -> f64 {
    let (steps, began) = (odometer.steps(), SystemClock.boot());
    tokio::time::sleep(span).await;
    let took = SystemClock.boot().saturating_sub(began);
    (odometer.steps() - steps) as f64 / took.as_secs_f64()
}

/// A session that sees the database as it was.
struct Pin {
    sql: PgConnection,
    seen: i64,
}

/// Whatever is committed adds to it, so a snapshot that was held does not see it grow.
const SEEN: &str = "SELECT count(*) FROM mainstay.runs";

impl Pin {
    async fn put(place: &Place) -> Result<Self, Fault> {
        let mut sql = PgConnection::connect(place.url()).await?;
        sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ").execute(&mut sql).await?;
        let seen = sqlx::query_scalar(SEEN).fetch_one(&mut sql).await?;
        Ok(Self { sql, seen })
    }

    async fn pull(mut self) -> Result<(), Fault> {
        let seen: i64 = sqlx::query_scalar(SEEN).fetch_one(&mut self.sql).await?;
        sqlx::query("ROLLBACK").execute(&mut self.sql).await?;
        let now: i64 = sqlx::query_scalar(SEEN).fetch_one(&mut self.sql).await?;
        self.sql.close().await?;
        if seen != self.seen || now == seen {
            return Err(format!("the snapshot saw {} runs, then {seen} of {now}", self.seen).into());
        }
        Ok(())
    }
}
