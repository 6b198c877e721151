//! Workers frozen in the middle of their work, for longer than their lease holds, and let go on.
//!
//! A frozen worker is the hardest to be safe from: it is not dead, and what it was about to do it
//! does when it wakes, long after others took its errands over.

use std::{path::Path, time::Duration};

use mainstay_core::port::Clock;
use mainstay_engine::system::SystemClock;
use rustix::process::Signal;
use serde::Serialize;

use crate::{
    Fault,
    chance::Chance,
    checker::Checker,
    crew::{Agency, Worker},
    feed::Feed,
    ledger::Ledger,
    person::Person,
    place::{Kind, Place},
    server::Server,
    verdict::Verdict,
};

/// How long anything may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(180);

/// Between two rounds, so that errands are in the middle of something again.
const BREATH: Duration = Duration::from_millis(400);

/// What is drilled.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// On which store.
    pub kind: Kind,
    /// How many times a worker is frozen, at least.
    pub times: usize,
    /// How many at a time; two more keep working.
    pub at_a_time: usize,
    /// The workers' lease, in seconds.
    pub lease: u64,
    /// What is chosen follows from it.
    pub seed: u64,
}

/// How it went.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The store.
    pub store: &'static str,
    /// What the choices follow from.
    pub seed: u64,
    /// Times a worker was frozen.
    pub frozen: usize,
    /// Errands that another worker went on with while theirs was frozen.
    pub taken_over: usize,
    /// How long it took, doubts answered.
    pub took_s: f64,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Drills.
///
/// # Errors
/// A database or a worker cannot be had, or errands do not end.
pub async fn drill(program: &Path, plan: Plan, tell: &dyn Fn(String)) -> Result<Report, Fault> {
    tell(format!("seed {}", plan.seed));
    let began = SystemClock.boot();
    let ledger = Ledger::open(Duration::from_millis(20)).await?;
    let server = match plan.kind {
        Kind::Postgres => Some(Server::start().await?),
        Kind::Sqlite => None,
    };
    let place = match &server {
        Some(server) => Place::on(server.url()).await?,
        None => Place::make(plan.kind).await?,
    };
    let office = place.office().await?;
    let agency = Agency::new(program, place.url(), ledger.line())
        .with_concurrency(64)
        .with_variable("MAINSTAY_LEASE", &plan.lease.to_string());
    let workers = plan.at_a_time + 2;
    let hire = |n: usize| agency.hire(&format!("worker {n}"));
    let crew = (0..workers).map(hire).collect::<Result<Vec<_>, _>>()?;
    office.staffed(workers, PATIENCE).await?;

    let mut chance = Chance::new(plan.seed);
    let mut feed = Feed::new(100);
    let (mut frozen, mut checker) = (0, Checker::default());
    while frozen < plan.times {
        feed.top_up(&office, &ledger).await;
        tokio::time::sleep(BREATH).await;
        let victims = chance.some_of(crew.len(), plan.at_a_time);
        let lease = Duration::from_secs(plan.lease);
        signal(&crew, &victims, Signal::STOP)?;
        tokio::time::sleep(lease.mul_f64(1.6)).await;
        checker.look(&office).await;
        signal(&crew, &victims, Signal::CONT)?;
        frozen += victims.len();
        tell(format!("frozen {frozen} times"));
    }
    let runs = feed.finish(&office, PATIENCE).await?;
    let attended = Person::new(&office, ledger.book(), checker).attend(&runs, PATIENCE).await?;
    Ok(Report {
        store: plan.kind.name(),
        seed: plan.seed,
        frozen,
        taken_over: handed_over(&ledger),
        took_s: (SystemClock.boot() - began).as_secs_f64(),
        verdict: Verdict::of(&office, ledger.book(), &runs, attended).await?,
    })
}

fn signal(crew: &[Worker], victims: &[usize], signal: Signal) -> Result<(), Fault> {
    let mut victims = victims.iter().filter_map(|victim| crew.get(*victim));
    victims.try_for_each(|worker| worker.signal(signal))
}

/// Counts errands whose calls came from more than one worker.
fn handed_over(ledger: &Ledger) -> usize {
    let mut workers = std::collections::BTreeMap::<u32, std::collections::BTreeSet<u32>>::new();
    for arrival in ledger.book().arrivals() {
        workers.entry(arrival.request.errand).or_default().insert(arrival.request.worker);
    }
    workers.values().filter(|of| of.len() > 1).count()
}
