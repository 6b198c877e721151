//! Fault schedules: several workers, everything that goes wrong in operation, in simulated time,
//! drawn from a seed. What comes of it must be what comes of the undisturbed run.
//!
//! [`crash`](crate::crash) lets one thing go wrong at every place there is. A schedule lets up to
//! six things go wrong in places drawn at random, to any of up to three workers, while every
//! request and every answer takes a time of its own: the histories nobody thought of. What can go
//! wrong is a [`Fault`]. In the end, as after a crash,
//!
//! - status, output, state and failure of every run, children included, are those of the
//!   undisturbed run;
//! - everything done outside is what the undisturbed run does, each action once; what nobody can
//!   know is put before the [person](crate::rig::Person);
//! - the [invariants](crate::invariants) hold, and whenever somebody looks, each unfinished run has
//!   a row that says why it is not running.
//!
//! # A seed is a history
//!
//! Time passes only when nothing else can happen, one thread does everything, and a real store
//! stands still beside it: a seed gives the same faults at the same instants and the same journals,
//! byte for byte, every time. A report names the seeds that failed.
//!
//! # Your own flows
//!
//! ```
//! use mainstay_testing::{rig::{Setup, Stage}, schedule::Schedules};
//!
//! // .with_flow::<Refund>().with_tools(…).with_run(StartRun::new(…)).with_outside(…)
//! async fn my_setup(_: Stage) -> Setup {
//!     Setup::default()
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let report = Schedules::new().with_setup("refund", my_setup).with_seeds(0..20).run().await;
//! report.assert_safe();
//! # });
//! ```
//!
//! A seed that failed is played alone with `.with_seeds(17..18)`. What [`crash`](crate::crash) asks
//! of a flow holds here too, and that a call's retries bear two errors.

mod drawn;
mod fault;
mod report;

use std::{fmt, ops::Range, sync::Arc};

use mainstay_core::store::Store;

pub use self::{drawn::Schedule, fault::Fault, report::Report};
use crate::{
    crash::{
        Finding,
        fuse::Plan,
        lanes::{Play, Scene, play_all},
    },
    rig::{Ground, Setup, Stage},
};

/// Setups, and the seeds whose schedules they are played under.
pub struct Schedules {
    plays: Vec<(String, Play)>,
    seeds: Range<u64>,
    ground: Ground,
    lanes: usize,
}

impl fmt::Debug for Schedules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedules").field("seeds", &self.seeds).finish_non_exhaustive()
    }
}

impl Default for Schedules {
    fn default() -> Self {
        let lanes = std::thread::available_parallelism().map_or(2, usize::from);
        Self { plays: Vec::new(), seeds: 0..100, ground: Ground::Memory, lanes }
    }
}

/// One schedule that was played.
#[derive(Debug)]
pub struct Replay {
    /// The schedule.
    pub schedule: Schedule,
    /// What went wrong, in order, as lines.
    pub struck: Vec<String>,
    /// Each run's journal.
    pub journals: Vec<Vec<mainstay_core::journal::JournalRow>>,
}

impl Schedules {
    /// Makes a plan without setups, for the first hundred seeds, in memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a setup; a seed draws one of them.
    #[must_use]
    pub fn with_setup<S, F>(mut self, name: &str, setup: S) -> Self
    where
        S: Fn(Stage) -> F + Send + Sync + 'static,
        F: Future<Output = Setup> + 'static,
    {
        self.plays.push((name.to_owned(), Play::new(self.ground, setup)));
        self
    }

    /// Sets the seeds.
    #[must_use]
    pub const fn with_seeds(mut self, seeds: Range<u64>) -> Self {
        self.seeds = seeds;
        self
    }

    /// Plays on this store.
    #[must_use]
    pub fn on(mut self, ground: Ground) -> Self {
        self.ground = ground;
        self.plays.iter_mut().for_each(|(_, play)| play.ground = ground);
        self
    }

    /// Stands something between processes and the store, such as a planted fault.
    #[must_use]
    pub fn with_store(
        mut self,
        through: impl Fn(Arc<dyn Store>) -> Arc<dyn Store> + Send + Sync + 'static,
    ) -> Self {
        let through: Arc<dyn Fn(_) -> _ + Send + Sync> = Arc::new(through);
        self.plays.iter_mut().for_each(|(_, play)| play.through = through.clone());
        self
    }

    /// Plays every seed's schedule and reports.
    pub async fn run(self) -> Report {
        self.run_telling(|_| ()).await
    }

    /// As [`Self::run`], and tells of each part of the way how it stands.
    pub async fn run_telling(self, tell: impl Fn(&Report) + Send + 'static) -> Report {
        let ground = self.ground;
        let running = tokio::task::spawn_blocking(move || self.run_here(tell));
        running
            .await
            .unwrap_or_else(|error| Report::failed(ground, "the harness", &error.to_string()))
    }

    /// Plays one seed and returns what came of it, findings or not.
    ///
    /// # Errors
    /// There is no setup or no such store, or a run came to no rest.
    pub async fn replay(self, seed: u64) -> Result<Replay, String> {
        let playing = tokio::task::spawn_blocking(move || {
            let plains = self.plains()?;
            let (number, schedule) = self.schedule(seed, &plains)?;
            let (_, play) = self.plays.get(number).ok_or("there is no setup")?;
            let scene = play_all(play, 1, &[Plan::Schedule(schedule.clone())]);
            let scene = scene.into_iter().next().ok_or("nothing was played")??;
            Ok(Replay { schedule, struck: scene.blows(), journals: scene.played.journals })
        });
        playing.await.map_err(|error| error.to_string())?
    }

    fn run_here(&self, tell: impl Fn(&Report)) -> Report {
        let mut report = Report { ground: self.ground, ..Report::default() };
        let plains = match self.plains() {
            Ok(plains) => plains,
            Err(why) => return Report::failed(self.ground, "undisturbed", &why),
        };
        let mut from = self.seeds.start;
        while from < self.seeds.end {
            let until = self.seeds.end.min(from + PART);
            if let Err(why) = self.part(from..until, &plains, &mut report) {
                return Report::failed(self.ground, "drawing", &why);
            }
            tell(&report);
            from = until;
        }
        report
    }

    /// Plays each setup under the schedule in which nothing goes wrong.
    fn plains(&self) -> Result<Vec<Scene>, String> {
        let plain = |(name, play): &(String, Play)| {
            let scenes = play_all(play, 1, &[Plan::Schedule(Schedule::quiet())]);
            let scene = scenes.into_iter().next().ok_or("nothing was played")?;
            let scene = scene.map_err(|why| format!("{name}: {why}"))?;
            let broken = scene.played.broken.join("\n");
            if broken.is_empty() { Ok(scene) } else { Err(format!("{name}: {broken}")) }
        };
        self.plays.iter().map(plain).collect()
    }

    /// Returns a seed's schedule, with the number of its setup.
    fn schedule(&self, seed: u64, plains: &[Scene]) -> Result<(usize, Schedule), String> {
        let points: Vec<_> = plains.iter().map(|plain| plain.trail.len()).collect();
        Schedule::drawn(seed, &points).ok_or_else(|| "there is no setup".to_owned())
    }

    fn part(&self, seeds: Range<u64>, plains: &[Scene], report: &mut Report) -> Result<(), String> {
        let mut drawn = vec![Vec::new(); self.plays.len()];
        for seed in seeds {
            let (number, schedule) = self.schedule(seed, plains)?;
            if let Some(schedules) = drawn.get_mut(number) {
                schedules.push(schedule);
            }
        }
        for (((name, play), plain), schedules) in self.plays.iter().zip(plains).zip(drawn) {
            let plans: Vec<_> = schedules.iter().cloned().map(Plan::Schedule).collect();
            for (schedule, scene) in schedules.iter().zip(play_all(play, self.lanes, &plans)) {
                report.take(name, schedule, judged(scene, plain));
            }
        }
        Ok(())
    }
}

/// Seeds between two tellings.
const PART: u64 = 200;

fn judged(scene: Result<Scene, String>, plain: &Scene) -> (Option<Scene>, Vec<String>) {
    match scene {
        Ok(scene) => {
            let mut wrong = scene.differs_from(plain);
            wrong.dedup();
            (Some(scene), wrong)
        }
        Err(why) => (None, vec![why]),
    }
}

impl Report {
    fn take(
        &mut self,
        setup: &str,
        schedule: &Schedule,
        (scene, wrong): (Option<Scene>, Vec<String>),
    ) {
        self.schedules += 1;
        if let Some(scene) = &scene {
            self.deaths += scene.played.deaths;
            self.in_doubt += scene.played.in_doubt.len();
            for (_, fault) in &scene.struck {
                *self.faults.entry(fault.kind()).or_default() += 1;
            }
        }
        if wrong.is_empty() {
            return;
        }
        let struck = scene.map(|scene| scene.blows()).unwrap_or_default();
        let strikes = format!(
            "SEED={} ({setup}, {schedule}; struck: {})",
            schedule.seed(),
            struck.join(", ")
        );
        self.findings.push(Finding { strikes, wrong });
        self.failed_seeds.push(schedule.seed());
    }
}
