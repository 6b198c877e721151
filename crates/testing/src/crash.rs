//! Crash everywhere: a flow is run once to count where a process can die, then once for each such
//! place, and what comes of it must be what comes of the undisturbed run.
//!
//! A *crash point* is anything that crosses the border of a process: a store operation, a call of a
//! tool or a model, an event put on the bus. At each point three things can go wrong: the process
//! dies **before** it happens; it dies **after**, before it learns that it happened; or it lives
//! and the **answer is lost**. After each, another worker recovers the run, and then
//!
//! - status, output, state and failure of every run are those of the undisturbed run;
//! - everything done outside is what the undisturbed run does, each action once; what nobody can
//!   know is put before the [person](crate::rig::Person), never dropped and never repeated;
//! - the [invariants](crate::invariants) hold.
//!
//! # In one line
//!
//! ```no_run
//! use mainstay_testing::{crash, rig::{Setup, Stage}, world::World};
//! # async fn tools(_: &World) -> Setup { Setup::default() }
//!
//! async fn my_setup(stage: Stage) -> Setup {
//!     let world = World::default();
//!     // .with_flow::<Refund>().with_tools(…).with_provider(…).with_run(StartRun::new(…))
//!     tools(&world).await.with_outside(std::sync::Arc::new(world))
//! }
//!
//! # async fn example() {
//! crash::everywhere(my_setup).await.assert_safe();
//! # }
//! ```
//!
//! # An error at every step, a repeat at every step
//!
//! [`Everywhere::with`] lets other things go wrong than crashes: every operation and call
//! [fails](Variant::Refused) once, or is [delivered twice](Variant::Repeated). That each step runs
//! twice is the crash before its end is committed.
//!
//! # Nothing races
//!
//! Time passes only when nothing else can happen, one thread does everything, and a real store
//! stands still beside it: every pass goes the same way, so every point that was counted is found
//! again, and a case whose point is not passed is a finding.
//!
//! A case that fails is named, and played alone with
//! `crash::Everywhere::new(my_setup).only("append#7:after")`.
//!
//! # What a flow must keep to
//!
//! Its output and state may not hold times, random numbers or run ids: they differ in a run that
//! was interrupted, and rightly so. Its tools need a retry, or a step around them one, or the
//! undisturbed answer is out of reach when the first one is lost.

mod case;
mod ending;
pub(crate) mod fuse;
mod held;
pub(crate) mod lanes;
mod outside;
mod point;
mod process;
mod report;
mod sealed;
mod store;
mod turnstile;

use std::{collections::BTreeMap, sync::Arc};

use mainstay_core::{journal::JournalRow, store::Store};

use crate::rig::{Ground, Setup, Stage};
use fuse::{Manner, Plan};
use lanes::{Play, Scene, play_all};
pub use point::{NotAStrike, Point, Strike, Variant};
pub use process::Arrival;
pub use report::{Finding, Report};

/// Crashes a setup everywhere, on the store in memory.
pub async fn everywhere<S, F>(setup: S) -> Report
where
    S: Fn(Stage) -> F + Send + Sync + 'static,
    F: Future<Output = Setup> + 'static,
{
    Everywhere::new(setup).run().await
}

/// Plays a setup undisturbed and returns each run's journal. Time and randomness are simulated: the
/// same setup gives the same rows, hashes included, on every store and every time.
///
/// # Errors
/// There is no such store to be had, or a run came to no rest.
pub async fn undisturbed<S, F>(ground: Ground, setup: S) -> Result<Vec<Vec<JournalRow>>, String>
where
    S: Fn(Stage) -> F + Send + Sync + 'static,
    F: Future<Output = Setup> + 'static,
{
    let play = Play::new(ground, setup);
    let playing =
        tokio::task::spawn_blocking(move || play_all(&play, 1, &[Plan::Strikes(Vec::new())]));
    let scenes = playing.await.map_err(|error| error.to_string())?;
    let scene = scenes.into_iter().next().unwrap_or_else(|| Err("nothing was played".into()))?;
    Ok(scene.played.journals)
}

pub(crate) type Through = Arc<dyn Fn(Arc<dyn Store>) -> Arc<dyn Store> + Send + Sync>;

/// A setup, and where and how it is to be crashed.
pub struct Everywhere {
    play: Play,
    only: Option<Vec<Strike>>,
    variants: Vec<Variant>,
    first: Option<Strike>,
    lanes: usize,
}

impl std::fmt::Debug for Everywhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Everywhere").field("only", &self.only).finish_non_exhaustive()
    }
}

impl Everywhere {
    /// Makes a plan to crash a setup at every point in every way, in memory.
    #[must_use]
    pub fn new<S, F>(setup: S) -> Self
    where
        S: Fn(Stage) -> F + Send + Sync + 'static,
        F: Future<Output = Setup> + 'static,
    {
        let play = Play::new(Ground::Memory, setup);
        let lanes = 4 * std::thread::available_parallelism().map_or(2, usize::from);
        Self { play, only: None, variants: Variant::CRASHES.to_vec(), first: None, lanes }
    }

    /// Plays on this store.
    #[must_use]
    pub fn on(mut self, ground: Ground) -> Self {
        self.play.ground = ground;
        self
    }

    /// Plays only this case, as a report names it: `append#7:after`, or several joined by ` + `.
    ///
    /// # Errors
    /// The text names no case.
    pub fn only(mut self, strikes: &str) -> Result<Self, NotAStrike> {
        let strikes = strikes.split(" + ").map(str::parse).collect::<Result<_, _>>()?;
        self.only = Some(strikes);
        Ok(self)
    }

    /// Lets something go wrong first in every case: the points are those of the recovery.
    ///
    /// # Errors
    /// The text names no strike.
    pub fn after(mut self, first: &str) -> Result<Self, NotAStrike> {
        self.first = Some(first.parse()?);
        Ok(self)
    }

    /// Lets these go wrong instead of the three kinds of crash:
    /// [`Refused`](Variant::Refused) for an error at every step,
    /// [`Repeated`](Variant::Repeated) for a repeat at every step.
    #[must_use]
    pub fn with(mut self, variants: &[Variant]) -> Self {
        self.variants = variants.to_vec();
        self
    }

    /// Leaves out one way of going wrong.
    #[must_use]
    pub fn without(mut self, variant: Variant) -> Self {
        self.variants.retain(|kept| *kept != variant);
        self
    }

    /// Plays this many cases at the same time; four a processor unless told: a case
    /// mostly waits.
    #[must_use]
    pub fn with_lanes(mut self, lanes: usize) -> Self {
        self.lanes = lanes.max(1);
        self
    }

    /// Stands something between processes and the store, such as a planted fault.
    #[must_use]
    pub fn with_store(
        mut self,
        through: impl Fn(Arc<dyn Store>) -> Arc<dyn Store> + Send + Sync + 'static,
    ) -> Self {
        self.play.through = Arc::new(through);
        self
    }

    /// Counts the points, plays the cases, and reports.
    pub async fn run(self) -> Report {
        let running = tokio::task::spawn_blocking(move || self.run_here());
        running.await.unwrap_or_else(|error| failed("the harness", error.to_string()))
    }

    fn run_here(self) -> Report {
        let plain = match play_all(&self.play, 1, &[Plan::Strikes(Vec::new())]).pop() {
            Some(Ok(scene)) if scene.played.broken.is_empty() => scene,
            Some(Ok(scene)) => return failed("undisturbed", scene.played.broken.join("\n")),
            Some(Err(why)) => return failed("undisturbed", why),
            None => return failed("undisturbed", "nothing was played".into()),
        };
        if let Some(strikes) = &self.only {
            return self.judge(&plain, Vec::new(), vec![strikes.clone()]);
        }
        let points = match self.points() {
            Ok(points) => points,
            Err(why) => return failed("counting", why),
        };
        let cases = self.cases(&points);
        self.judge(&plain, points.into_iter().map(|(point, _)| point).collect(), cases)
    }

    /// Counts the points. Two passes must agree, or a point would not be found again.
    fn points(&self) -> Result<Vec<(Point, Manner)>, String> {
        let counting = Plan::Strikes(self.first.clone().into_iter().collect());
        let mut trails = Vec::new();
        for pass in play_all(&self.play, 2, &[counting.clone(), counting]) {
            trails.push(pass?.trail);
        }
        let (Some(one), Some(other)) = (trails.pop(), trails.pop()) else {
            return Err("nothing was played".into());
        };
        if one != other {
            return Err(format!("two passes differ: {:?} and {:?}", counts(&one), counts(&other)));
        }
        Ok(after_first(one, self.first.as_ref()))
    }

    fn cases(&self, points: &[(Point, Manner)]) -> Vec<Vec<Strike>> {
        let strikes = points.iter().flat_map(|(point, manner)| {
            let variants = self.variants.iter().filter(|variant| manner.allows(**variant));
            variants.map(|variant| Strike { point: point.clone(), variant: *variant })
        });
        strikes.map(|strike| self.first.clone().into_iter().chain([strike]).collect()).collect()
    }

    fn judge(&self, plain: &Scene, points: Vec<Point>, cases: Vec<Vec<Strike>>) -> Report {
        let plans: Vec<_> = cases.iter().cloned().map(Plan::Strikes).collect();
        let scenes = play_all(&self.play, self.lanes, &plans);
        let ground = self.play.ground;
        let mut report = Report { ground, points, cases: cases.len(), ..Report::default() };
        for (strikes, scene) in cases.iter().zip(scenes) {
            let name = named(strikes);
            let wrong = match scene {
                Ok(scene) => {
                    report.deaths += scene.played.deaths;
                    let doubts = scene.played.in_doubt.iter();
                    report.in_doubt.extend(doubts.map(|doubt| format!("{name}: {doubt}")));
                    let mut wrong = scene.differs_from(plain);
                    wrong.extend(missed(&scene, strikes));
                    wrong
                }
                Err(why) => vec![why],
            };
            if wrong.is_empty() {
                report.recovered += 1;
            } else {
                report.findings.push(Finding { strikes: name, wrong });
            }
        }
        report
    }
}

/// A case whose point was not passed shows nothing.
fn missed(scene: &Scene, strikes: &[Strike]) -> Option<String> {
    let mut struck = scene.struck.iter().map(|(point, _)| point);
    let all = strikes.iter().all(|strike| struck.any(|point| *point == strike.point));
    (!all).then(|| format!("only {:?} went wrong: not all points were passed", scene.struck))
}

fn named(strikes: &[Strike]) -> String {
    let names: Vec<_> = strikes.iter().map(ToString::to_string).collect();
    names.join(" + ")
}

fn failed(what: &str, why: String) -> Report {
    let finding = Finding { strikes: what.to_owned(), wrong: vec![why] };
    Report { cases: 1, findings: vec![finding], ..Report::default() }
}

fn counts(trail: &[(Point, Manner)]) -> BTreeMap<&str, u32> {
    let mut counts = BTreeMap::new();
    for (point, _) in trail {
        *counts.entry(point.what.as_str()).or_default() += 1;
    }
    counts
}

/// Returns the points of the recovery: those after the first strike.
fn after_first(trail: Vec<(Point, Manner)>, first: Option<&Strike>) -> Vec<(Point, Manner)> {
    match first.and_then(|first| trail.iter().position(|(point, _)| *point == first.point)) {
        Some(at) => trail.into_iter().skip(at + 1).collect(),
        None => trail,
    }
}
