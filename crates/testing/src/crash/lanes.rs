//! Many cases at the same time, each on a store, a clock and a thread of its own.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use mainstay_core::{port::Clock, store::Store};

use super::{
    Through,
    case::{Case, Played},
    fuse::{Fuse, Manner, Plan},
    point::Point,
    sealed::{Sealed, Shown},
};
use crate::{
    clock::SimulatedClock,
    rig::{Ground, Plot, Setup, Stage},
    schedule::Fault,
};

type Made = Pin<Box<dyn Future<Output = Setup>>>;

/// What is played, and where.
#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) ground: Ground,
    pub(crate) through: Through,
    make: Arc<dyn Fn(Stage) -> Made + Send + Sync>,
}

/// A case that came to its end.
pub(crate) struct Scene {
    pub(crate) played: Played,
    pub(crate) trail: Vec<(Point, Manner)>,
    /// What went wrong, and where.
    pub(crate) struck: Vec<(Point, Fault)>,
}

impl Scene {
    /// Returns what went wrong, as sentences.
    pub(crate) fn blows(&self) -> Vec<String> {
        self.struck.iter().map(|(point, fault)| format!("{point}: {fault}")).collect()
    }

    /// Returns what is not as in the undisturbed run.
    pub(crate) fn differs_from(&self, plain: &Self) -> Vec<String> {
        let mut wrong = self.played.broken.clone();
        // A person who says that something did not happen sends the run another way.
        if self.played.rejected > 0 {
            return wrong;
        }
        let (now, then) = (&self.played, &plain.played);
        if now.endings != then.endings {
            wrong.push(format!(
                "I6: it ends with\n{:?}\nand undisturbed with\n{:?}",
                now.endings, then.endings
            ));
        }
        if now.done != then.done {
            wrong.push(format!("I6: it did\n{:#?}\nand undisturbed\n{:#?}", now.done, then.done));
        }
        wrong
    }
}

impl Play {
    pub(crate) fn new<S, F>(ground: Ground, setup: S) -> Self
    where
        S: Fn(Stage) -> F + Send + Sync + 'static,
        F: Future<Output = Setup> + 'static,
    {
        let make = Arc::new(move |stage| Box::pin(setup(stage)) as Made);
        Self { ground, through: Arc::new(|store| store), make }
    }

    /// Plays one case on a runtime of its own: what is left of its processes goes with it.
    fn play(&self, lane: &mut Lane, plan: &Plan) -> Result<Scene, String> {
        let fuse = Fuse::new(plan.clone());
        let runtime = a_runtime()?;
        let clock = {
            let _inside = runtime.enter();
            let clock = self.ground.clock();
            Arc::new(if fuse.schedule().is_some() { clock.flowing() } else { clock })
        };
        let (store, url) = lane.a_store(&clock)?;
        let work = async {
            let stage = Stage { clock, url };
            let setup = (self.make)(stage.clone()).await;
            let stores = (store.clone(), (self.through)(store));
            let played = Case::new(stage, setup, stores, fuse.clone()).play().await?;
            Ok(Scene { played, trail: fuse.trail(), struck: fuse.struck() })
        };
        let scene = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
        runtime.shutdown_background();
        scene.unwrap_or_else(|panic| Err(format!("it panicked: {}", words(panic.as_ref()))))
    }
}

/// One thread's place to play at.
struct Lane {
    plot: Plot,
    /// Where real stores run.
    side: tokio::runtime::Runtime,
}

impl Lane {
    fn on(ground: Ground) -> Result<Self, String> {
        let mut side = tokio::runtime::Builder::new_multi_thread();
        let side = side.worker_threads(1).enable_all().build().map_err(|e| e.to_string())?;
        Ok(Self { plot: side.block_on(Plot::on(ground))?, side })
    }

    fn a_store(
        &mut self,
        clock: &Arc<SimulatedClock>,
    ) -> Result<(Arc<dyn Store>, Option<String>), String> {
        if matches!(self.plot, Plot::Memory) {
            return self.side.block_on(self.plot.fresh(clock.clone()));
        }
        let shown = Arc::new(Shown::default());
        shown.show(clock.now());
        let (inner, url) = self.side.block_on(self.plot.fresh(shown.clone()))?;
        let side = self.side.handle().clone();
        Ok((Arc::new(Sealed { inner, clock: clock.clone(), shown, side }), url))
    }
}

/// A runtime on which time passes only when nothing else can happen.
fn a_runtime() -> Result<tokio::runtime::Runtime, String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().map_err(|e| e.to_string())
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

/// Plays cases on up to `lanes` threads. The answers stand in the order of the cases.
pub(crate) fn play_all(play: &Play, lanes: usize, cases: &[Plan]) -> Vec<Result<Scene, String>> {
    let next = AtomicUsize::new(0);
    let scenes = Mutex::new(cases.iter().map(|_| Err("not played".to_owned())).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for _ in 0..lanes.min(cases.len()) {
            scope.spawn(|| {
                let mut lane = Lane::on(play.ground);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(plan) = cases.get(number) else { return };
                    if lane.is_err() {
                        lane = Lane::on(play.ground);
                    }
                    let scene = match &mut lane {
                        Ok(lane) => play.play(lane, plan),
                        Err(why) => Err(format!("no store to be had: {why}")),
                    };
                    let mut scenes = scenes.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(place) = scenes.get_mut(number) {
                        *place = scene;
                    }
                }
            });
        }
    });
    scenes.into_inner().unwrap_or_else(PoisonError::into_inner)
}
