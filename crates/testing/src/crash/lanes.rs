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

use super::{
    Through,
    case::{Case, Played},
    point::{Point, Strike},
    process::{Fuse, Timing},
};
use crate::rig::{Ground, Plot, Setup, Stage};

type Made = Pin<Box<dyn Future<Output = Setup>>>;

/// What is played, and where.
pub(super) struct Play {
    pub(super) ground: Ground,
    pub(super) through: Through,
    make: Arc<dyn Fn(Stage) -> Made + Send + Sync>,
}

/// A case that came to its end.
pub(super) struct Scene {
    pub(super) played: Played,
    pub(super) trail: Vec<(Point, Timing)>,
    struck: Vec<Strike>,
}

impl Scene {
    /// Returns what is not as in the undisturbed run.
    pub(super) fn differs_from(&self, plain: &Self, strikes: &[Strike]) -> Vec<String> {
        let mut wrong = self.played.broken.clone();
        if self.struck != strikes {
            wrong.push(format!("only {:?} went wrong: not all points were passed", self.struck));
        }
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
    pub(super) fn new<S, F>(ground: Ground, setup: S) -> Self
    where
        S: Fn(Stage) -> F + Send + Sync + 'static,
        F: Future<Output = Setup> + 'static,
    {
        let make = Arc::new(move |stage| Box::pin(setup(stage)) as Made);
        Self { ground, through: Arc::new(|store| store), make }
    }

    /// Plays one case on a runtime of its own: what is left of its processes goes with it.
    fn play(&self, plot: &mut Plot, strikes: &[Strike]) -> Result<Scene, String> {
        let runtime = a_runtime()?;
        let work = async {
            let clock = Arc::new(self.ground.clock());
            let (store, url) = plot.fresh(clock.clone()).await?;
            let stage = Stage { clock, url };
            let setup = (self.make)(stage.clone()).await;
            let fuse = Fuse::new(strikes.to_vec());
            let stores = (store.clone(), (self.through)(store));
            let played = Case::new(stage, setup, stores, fuse.clone()).play().await?;
            Ok(Scene { played, trail: fuse.trail(), struck: fuse.struck() })
        };
        let scene = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
        runtime.shutdown_background();
        scene.unwrap_or_else(|panic| Err(format!("it panicked: {}", words(panic.as_ref()))))
    }
}

fn a_runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| e.to_string())
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

/// Plays cases on up to `lanes` threads. The answers stand in the order of the cases.
pub(super) fn play_all(
    play: &Play,
    lanes: usize,
    cases: &[Vec<Strike>],
) -> Vec<Result<Scene, String>> {
    let next = AtomicUsize::new(0);
    let scenes = Mutex::new(cases.iter().map(|_| Err("not played".to_owned())).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for _ in 0..lanes.min(cases.len()) {
            scope.spawn(|| {
                let mut plot = match a_plot(play.ground) {
                    Ok(plot) => plot,
                    Err(why) => return tracing::error!(why, "no store to be had"),
                };
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(strikes) = cases.get(number) else { return };
                    let scene = play.play(&mut plot, strikes);
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

fn a_plot(ground: Ground) -> Result<Plot, String> {
    a_runtime()?.block_on(Plot::on(ground))
}
