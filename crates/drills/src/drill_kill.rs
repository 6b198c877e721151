//! The kill table: errands of ten steps, their workers killed half-way, or asked to go.

use std::{path::Path, time::Duration};

use mainstay_core::port::Clock;
use mainstay_engine::system::SystemClock;
use rustix::process::Signal;
use serde::Serialize;

use crate::{
    Fault,
    checker::Checker,
    crew::{Agency, Worker},
    errand::STEPS,
    ledger::{Ledger, Memory},
    orphans::{Back, busiest, orphans},
    person::Person,
    place::{Kind, Office, Place},
    verdict::Verdict,
};

/// How long anything may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A step of an errand that reads.
const READS: u32 = 7;

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

/// Where the others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Host {
    /// On the host of the killed, where a freed lock file proves a death.
    Same,
    /// On another one, as far as they can tell: no worker has a lock file. The server still sees
    /// the connections of the killed end, as it does when a process dies and its machine lives.
    Another,
}

impl Host {
    fn of(self, agency: Agency) -> Agency {
        match self {
            Self::Same => agency,
            // Nothing can be made below what is no folder.
            Self::Another => agency.with_variable("TMPDIR", "/dev/null"),
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
    /// Where the others are.
    pub host: Host,
    /// The workers' lease in seconds, if it is not the usual one.
    pub lease: Option<u64>,
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
        let (host, lease) = (Host::Same, None);
        let (runs, step, workers) = (200, STEPS / 2, 4);
        Self { kind, runs, step, workers, victims, manner, host, lease, call, memory }
    }

    /// The same from another host, killed in the middle of a step that reads: some go on with a
    /// read, others with an act.
    ///
    /// # Errors
    /// Processes on one file are on one host.
    pub fn elsewhere(self) -> Result<Self, Fault> {
        match self.kind {
            Kind::Sqlite => Err("a file has no other host".into()),
            Kind::Postgres => Ok(Self { step: READS, host: Host::Another, ..self }),
        }
    }

    fn agency(&self, program: &Path, place: &Place, ledger: &Ledger) -> Agency {
        let agency = Agency::new(program, place.url(), ledger.line().with_memory(self.memory));
        // Room for every errand: what is cut off has a worker then, and waits in no queue.
        let agency = self.host.of(agency).with_concurrency(self.runs as usize);
        match self.lease {
            Some(lease) => agency.with_variable("MAINSTAY_LEASE", &lease.to_string()),
            None => agency,
        }
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
    /// When they called again.
    #[serde(flatten)]
    pub back: Back,
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
    let agency = plan.agency(program, &place, &ledger);
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
    let lease_left = lease_left(&office, &victims).await?;
    while crew.len() < plan.workers {
        crew.push(hire(plan.workers + crew.len())?);
    }
    let person = Person::new(&office, ledger.book(), Checker::default());
    let attended = person.attend(&runs, PATIENCE).await?;
    let over = SystemClock.boot();

    let victims: Vec<_> = victims.iter().map(|victim| victim.id).collect();
    let orphans = orphans(&before, &victims);
    Ok(Row {
        store: plan.kind.name(),
        killed_at: before.len(),
        orphans: orphans.len(),
        back: Back::of(&ledger.book().arrivals(), &victims, killed_at, lease_left, &orphans),
        over_s: (over - killed_at).as_secs_f64(),
        verdict: Verdict::of(&office, ledger.book(), &runs, attended).await?,
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

/// Returns the time until the first of the killed workers' leases ends: workers beat each at its
/// own time.
async fn lease_left(office: &Office, victims: &[Worker]) -> Result<Duration, Fault> {
    let sessions = office.runtime.store.sessions(()).await?;
    let theirs = sessions.iter().filter(|of| victims.iter().any(|victim| victim.name == of.name));
    Ok(theirs.map(|session| session.left).min().unwrap_or_default())
}
