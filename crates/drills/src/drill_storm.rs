//! The storm: for a while, workers are killed and frozen, connections are cut off, one worker is
//! parted from the database, and once the database itself crashes. Then everything comes back.

use std::{collections::BTreeMap, path::Path, time::Duration};

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
    ledger::{Arrival, Ledger},
    network::{self, Network},
    person::Person,
    place::Place,
    server::Server,
    verdict::Verdict,
};

/// How long anything may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(180);

/// Errands that are kept under way.
const UNDER_WAY: usize = 100;

/// What is drilled.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long the storm lasts.
    pub span: Duration,
    /// How many workers, one of them in a network of its own if this process may make one.
    pub workers: usize,
    /// The workers' lease, in seconds.
    pub lease: u64,
    /// What is chosen follows from it.
    pub seed: u64,
}

/// What happened in the storm.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Blows {
    /// Workers killed and hired again.
    pub killed: usize,
    /// Workers stopped past their lease and let go on.
    pub frozen: usize,
    /// Connections cut off by the server.
    pub terminated: usize,
    /// Times a worker was parted from the database past its lease.
    pub parted: usize,
    /// Crashes of the database.
    pub crashed: usize,
    /// Workers that had called, ended by themselves and were hired again. One that finds no
    /// database when it starts says so and ends; that is not giving up.
    pub gave_up: usize,
}

/// How it went.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What the choices follow from.
    pub seed: u64,
    /// How long the storm lasted.
    pub storm_s: f64,
    /// From its end to the end of the last errand.
    pub after_s: f64,
    /// What happened.
    pub blows: Blows,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

struct Storm {
    chance: Chance,
    lease: Duration,
    server: Server,
    network: Option<Network>,
    agency: Agency,
    crew: Vec<Worker>,
    blows: Blows,
    struck: usize,
    hired: usize,
    /// Until when who is frozen, by seat, and the worker of seat 0 is parted; on the boot clock.
    frozen: BTreeMap<usize, Duration>,
    parted: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
enum Blow {
    Kill,
    Terminate,
    Freeze,
    Part,
    Crash,
}

const FIRST: &[Blow] =
    &[Blow::Part, Blow::Kill, Blow::Freeze, Blow::Terminate, Blow::Kill, Blow::Freeze, Blow::Crash];

/// Drills.
///
/// # Errors
/// A database or a worker cannot be had, or errands do not end.
pub async fn drill(program: &Path, plan: Plan, tell: &dyn Fn(String)) -> Result<Report, Fault> {
    tell(format!("seed {}", plan.seed));
    let ledger = Ledger::open(Duration::from_millis(20)).await?;
    let server = Server::start().await?;
    let place = Place::on(server.url()).await?;
    let office = place.office().await?;
    let lease = plan.lease.to_string();
    let agency = Agency::new(program, place.url(), ledger.line())
        .with_concurrency(64)
        .with_variable("MAINSTAY_LEASE", &lease);
    let network = match network::is_possible().await {
        true => Some(Network::make().await?),
        false => None,
    };
    let mut storm = Storm {
        chance: Chance::new(plan.seed),
        lease: Duration::from_secs(plan.lease),
        server,
        network,
        agency,
        crew: Vec::new(),
        blows: Blows::default(),
        struck: 0,
        hired: 0,
        frozen: BTreeMap::new(),
        parted: None,
    };
    storm.staff(plan.workers, &place, &ledger)?;
    office.staffed(plan.workers, PATIENCE).await?;

    let mut feed = Feed::new(UNDER_WAY);
    let began = SystemClock.boot();
    let mut checker = Checker::default();
    while SystemClock.boot() - began < plan.span {
        feed.top_up(&office, &ledger).await;
        let blow = storm.strike(&place, &ledger).await?;
        tell(format!("{:6.1} s: {blow}", (SystemClock.boot() - began).as_secs_f64()));
        checker.look(&office).await;
        let pause = storm.chance.between(50, 500) as u64;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        storm.undo(SystemClock.boot()).await?;
        storm.relieve(&place, &ledger)?;
    }
    storm.undo(Duration::MAX).await?;
    let over = SystemClock.boot();
    tell("the storm is over".to_owned());
    let runs = feed.finish(&office, PATIENCE).await?;
    let attended = Person::new(&office, ledger.book(), checker).attend(&runs, PATIENCE).await?;
    Ok(Report {
        seed: plan.seed,
        storm_s: (over - began).as_secs_f64(),
        after_s: (SystemClock.boot() - over).as_secs_f64(),
        blows: storm.blows.clone(),
        verdict: Verdict::of(&office, ledger.book(), &runs, attended).await?,
    })
}

impl Storm {
    fn staff(&mut self, workers: usize, place: &Place, ledger: &Ledger) -> Result<(), Fault> {
        while self.crew.len() < workers {
            let worker = self.hire(self.crew.len(), place, ledger)?;
            self.crew.push(worker);
        }
        Ok(())
    }

    /// Hires for a place in the crew: the first lives in the network, if there is one.
    fn hire(&mut self, seat: usize, place: &Place, ledger: &Ledger) -> Result<Worker, Fault> {
        self.hired += 1;
        let name = format!("seat {seat} worker {}", self.hired);
        match &self.network {
            Some(network) if seat == 0 => {
                let url = Server::seen_from(place.url(), network.host);
                let agency = self.agency.clone().over(&url, ledger.line_by(network.host));
                agency.hire_through(&name, &network.words())
            }
            _ => self.agency.hire(&name),
        }
    }

    /// Hires for those who ended by themselves.
    fn relieve(&mut self, place: &Place, ledger: &Ledger) -> Result<(), Fault> {
        for seat in 0..self.crew.len() {
            let Some(worker) = self.crew.get_mut(seat) else { continue };
            if worker.is_gone()? {
                let called = |call: &Arrival| call.request.worker == worker.id;
                self.blows.gave_up += usize::from(ledger.book().arrivals().iter().any(called));
                self.replace(seat, place, ledger)?;
            }
        }
        Ok(())
    }

    fn replace(&mut self, seat: usize, place: &Place, ledger: &Ledger) -> Result<(), Fault> {
        let new = self.hire(seat, place, ledger)?;
        if let Some(worker) = self.crew.get_mut(seat) {
            *worker = new;
        }
        Ok(())
    }

    async fn strike(&mut self, at: &Place, ledger: &Ledger) -> Result<String, Fault> {
        match self.next_blow() {
            Blow::Kill => {
                let seat = self.chance.below(self.crew.len());
                self.blows.killed += 1;
                if let Some(worker) = self.crew.get_mut(seat) {
                    worker.kill().await?;
                }
                self.frozen.remove(&seat);
                self.replace(seat, at, ledger)?;
                Ok(format!("killed the worker of seat {seat}"))
            }
            Blow::Terminate => {
                let cut = self.server.terminate(&mut self.chance, 6).await?;
                self.blows.terminated += cut;
                Ok(format!("cut {cut} connections off"))
            }
            Blow::Freeze => self.freeze(),
            Blow::Part => self.part().await,
            Blow::Crash => {
                self.blows.crashed += 1;
                self.server.crash().await?;
                Ok("the database crashed and is back".to_owned())
            }
        }
    }

    /// One of each first, so that a short storm has them all; then as chance has it.
    fn next_blow(&mut self) -> Blow {
        self.struck += 1;
        match (FIRST.get(self.struck - 1), self.chance.below(10)) {
            (Some(blow), _) => *blow,
            (None, 0..4) => Blow::Kill,
            (None, 4..7) => Blow::Terminate,
            (None, 7..9) => Blow::Freeze,
            (None, _) => Blow::Part,
        }
    }

    fn freeze(&mut self) -> Result<String, Fault> {
        let seat = self.chance.below(self.crew.len());
        if let Some(worker) = self.crew.get(seat) {
            worker.signal(Signal::STOP)?;
        }
        self.frozen.insert(seat, self.past_the_lease());
        self.blows.frozen += 1;
        Ok(format!("froze the worker of seat {seat} past its lease"))
    }

    async fn part(&mut self) -> Result<String, Fault> {
        let Some(network) = &self.network else { return self.freeze() };
        if self.parted.is_none() {
            network.cut(self.server.port()).await?;
            self.blows.parted += 1;
        }
        self.parted = Some(self.past_the_lease());
        Ok("parted the worker of seat 0 from the database past its lease".to_owned())
    }

    fn past_the_lease(&self) -> Duration {
        SystemClock.boot() + self.lease.mul_f64(1.6)
    }

    /// Thaws and mends what has been so for long enough.
    async fn undo(&mut self, now: Duration) -> Result<(), Fault> {
        let over: Vec<_> = self.frozen.extract_if(.., |_, until| *until <= now).collect();
        for worker in over.iter().filter_map(|(seat, _)| self.crew.get(*seat)) {
            worker.signal(Signal::CONT)?;
        }
        if let Some(network) = &self.network
            && self.parted.take_if(|until| *until <= now).is_some()
        {
            network.mend().await?;
        }
        Ok(())
    }
}
