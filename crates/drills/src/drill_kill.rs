//! The kill table: errands of ten steps, their workers killed half-way, or asked to go.

use std::{path::Path, time::Duration};

use mainstay_core::port::Clock;
use mainstay_engine::system::SystemClock;
use rustix::process::Signal;
use serde::Serialize;

use crate::{
    Fault,
    crew::{Agency, Worker},
    errand::STEPS,
    ledger::{Arrival, Ledger, Memory},
    person::Person,
    place::{Kind, Place},
    verdict::Verdict,
};

/// How long anything may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Victims {
    /// Every worker; as many new ones are hired.
    All,
    /// One, and the others take its errands over.
    One,
}

/// How they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Manner {
    /// SIGKILL: they end where they stand.
    Kill,
    /// SIGTERM: they finish their calls and give their errands back.
    Ask,
}

impl Manner {
    const fn signal(self) -> Signal {
        match self {
            Self::Kill => Signal::KILL,
            Self::Ask => Signal::TERM,
        }
    }
}

/// What is drilled.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// On which store.
    pub kind: Kind,
    /// How many errands.
    pub runs: u32,
    /// The step that errands are at when workers are killed: they go in step with each other.
    pub step: u32,
    /// How many workers.
    pub workers: usize,
    /// Who is killed.
    pub victims: Victims,
    /// Whether they are killed or asked.
    pub manner: Manner,
    /// How long a call of the ledger takes.
    pub call: Duration,
    /// How the workers remember what they did.
    pub memory: Memory,
}

impl Plan {
    /// The kill table's: 200 errands, 4 workers, all of them killed.
    #[must_use]
    pub const fn table(kind: Kind) -> Self {
        let call = Duration::from_millis(10);
        let (victims, manner, memory) = (Victims::All, Manner::Kill, Memory::Sound);
        Self { kind, runs: 200, step: STEPS / 2, workers: 4, victims, manner, call, memory }
    }
}

/// A row of the kill table.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The store.
    pub store: &'static str,
    /// Calls that had reached the ledger when the workers were killed.
    pub killed_at: usize,
    /// Errands that had a killed worker.
    pub orphans: usize,
    /// From the kill to the first call of an errand that had a killed worker.
    pub resume_s: f64,
    /// From the kill until half of those had called again.
    pub half_resumed_s: f64,
    /// From the kill until all of those had, those in doubt after a person's answer.
    pub all_resumed_s: f64,
    /// From the kill to the end of the last errand, doubts answered.
    pub over_s: f64,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Drills.
///
/// # Errors
/// A database or a worker cannot be had, or errands do not end.
pub async fn drill(program: &Path, plan: Plan) -> Result<Row, Fault> {
    let ledger = Ledger::open(plan.call).await?;
    let place = Place::make(plan.kind).await?;
    let office = place.office().await?;
    // Room for every errand: what is cut off has a worker then, and does not wait in the queue.
    let room = plan.runs as usize;
    let agency = Agency::new(program, place.url(), ledger.line().with_memory(plan.memory));
    let agency = agency.with_concurrency(room);
    let hire = |n: usize| agency.hire(&format!("worker {n}"));
    let mut crew = (0..plan.workers).map(hire).collect::<Result<Vec<_>, _>>()?;
    office.staffed(plan.workers, PATIENCE).await?;
    let runs = office.start(0..plan.runs).await?;
    // In the middle of that step: half of them have called.
    reached(&ledger, (plan.runs * plan.step + plan.runs / 2) as usize).await?;

    let before = ledger.book().arrivals();
    let killed_at = SystemClock.boot();
    let victims: Vec<Worker> = match plan.victims {
        Victims::All => std::mem::take(&mut crew),
        Victims::One => vec![crew.swap_remove(busiest(&before, &crew))],
    };
    victims.iter().try_for_each(|victim| victim.signal(plan.manner.signal()))?;
    while crew.len() < plan.workers {
        crew.push(hire(plan.workers + crew.len())?);
    }
    let doubts = Person::new(&office, ledger.book()).attend(&runs, PATIENCE).await?;
    let over = SystemClock.boot();

    let victims: Vec<_> = victims.iter().map(|victim| victim.id).collect();
    let orphans = orphans(&before, &victims);
    let back = back(&ledger.book().arrivals(), &victims, killed_at, &orphans);
    let since = |at: Option<&Duration>| at.map_or(f64::NAN, |at| (*at - killed_at).as_secs_f64());
    Ok(Row {
        store: plan.kind.name(),
        killed_at: before.len(),
        orphans: orphans.len(),
        resume_s: since(back.first()),
        half_resumed_s: since(back.get(back.len() / 2)),
        all_resumed_s: since(back.last()),
        over_s: (over - killed_at).as_secs_f64(),
        verdict: Verdict::of(&office, ledger.book(), &runs, doubts).await?,
    })
}

/// Waits until so many calls have reached the ledger.
async fn reached(ledger: &Ledger, calls: usize) -> Result<(), Fault> {
    let wait = async {
        while ledger.book().len() < calls {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.map_err(|_| "the errands are not begun".into())
}

/// Returns the place of the worker that the most errands are with.
fn busiest(before: &[Arrival], crew: &[Worker]) -> usize {
    let errands = |place: &usize| crew.get(*place).map(|of| orphans(before, &[of.id]).len());
    (0..crew.len()).max_by_key(errands).unwrap_or_default()
}

/// Returns the errands whose last call came from a victim and was not their last step.
fn orphans(before: &[Arrival], victims: &[u32]) -> Vec<u32> {
    let mut last = std::collections::BTreeMap::new();
    for Arrival { request, .. } in before {
        last.insert(request.errand, (request.worker, request.step));
    }
    let orphaned = |(worker, step): &(u32, u32)| victims.contains(worker) && *step + 1 < STEPS;
    last.into_iter().filter(|(_, at)| orphaned(at)).map(|(errand, _)| errand).collect()
}

/// Returns when each of the errands first called again, from another worker, in order.
fn back(arrivals: &[Arrival], victims: &[u32], after: Duration, orphans: &[u32]) -> Vec<Duration> {
    let again = |errand: &u32| {
        let of = |a: &&Arrival| a.request.errand == *errand && a.at > after;
        arrivals.iter().filter(of).find(|a| !victims.contains(&a.request.worker)).map(|a| a.at)
    };
    let mut back: Vec<_> = orphans.iter().filter_map(again).collect();
    back.sort_unstable();
    back
}
