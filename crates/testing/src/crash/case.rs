//! One case: a setup played from its first run to its last, with something going wrong on the way.
//!
//! The director stands outside of every process: it looks at the store as it is, starts processes
//! and buries them, lets time pass when nothing else can happen, and lets the person decide.

mod attend;

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    code::Code,
    id::RunId,
    journal::JournalRow,
    store::{Store, row::RunRow},
};
use mainstay_engine::{
    error::EngineError,
    runtime::Runtime,
    worker::{Worker, WorkerReport},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    ending::Ending,
    outside::{Heard, WatchedBroker, WatchedProvider, WatchedTools},
    process::{Fuse, Process},
    store::WatchedStore,
};
use crate::{
    clock::SeededEntropy,
    invariants,
    rig::{Setup, Stage, listing},
};

/// Nothing may happen in a case for this long in reality; a slow machine alone is no finding.
const STILLNESS: Duration = Duration::from_secs(120);

/// Points a case may pass; one that passes more goes round in circles.
const POINTS: usize = 20_000;

/// Waits up to this long are passed while the worker lives; beats keep its lease. Over longer ones
/// nobody lives: the worker stops, the clock is moved, another starts.
const LIVELY: Duration = Duration::from_secs(2);

/// Lives a command or a worker may need; a strike takes one, and a strike in its recovery another.
const LIVES: usize = 12;

/// A worker process, alive or dead and not yet buried.
struct Life {
    process: Arc<Process>,
    stop: CancellationToken,
    task: JoinHandle<Result<WorkerReport, EngineError>>,
}

/// What a case came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Played {
    /// How each run ended.
    pub(crate) endings: Vec<Ending>,
    /// Each run's journal.
    pub(crate) journals: Vec<Vec<JournalRow>>,
    /// Everything that was done outside, sorted.
    pub(crate) done: Vec<String>,
    /// Processes that died or gave up.
    pub(crate) deaths: usize,
    /// Actions a person was asked about, as lines.
    pub(crate) in_doubt: Vec<String>,
    /// Actions of which a person said that they did not happen.
    pub(crate) rejected: usize,
    /// Invariants that did not hold, as sentences.
    pub(crate) broken: Vec<String>,
}

pub(crate) struct Case {
    stage: Stage,
    setup: Setup,
    /// The store as it is.
    store: Arc<dyn Store>,
    /// The store as processes see it, with any planted fault.
    given: Arc<dyn Store>,
    fuse: Arc<Fuse>,
    heard: Arc<Heard>,
    life: Option<Life>,
    lives: u64,
    played: Played,
}

impl Case {
    pub(crate) fn new(
        stage: Stage,
        setup: Setup,
        (store, given): (Arc<dyn Store>, Arc<dyn Store>),
        fuse: Arc<Fuse>,
    ) -> Self {
        let (heard, played) = (Arc::default(), Played::default());
        Self { stage, setup, store, given, fuse, heard, life: None, lives: 0, played }
    }

    /// Plays every run, one after the other, and looks at what came of them.
    pub(crate) async fn play(mut self) -> Result<Played, String> {
        for number in 0..self.setup.starts.len() {
            let run_id = self.start(number).await?;
            self.drive(run_id).await?;
            let eyes = self.eyes();
            let view = eyes.view(run_id).await.map_err(|e| e.to_string())?;
            self.played.endings.push(Ending::of(&eyes, &view).await?);
            self.played.journals.push(view.rows.into_iter().map(|(row, _)| row).collect());
            let arrivals = self.fuse.arrivals();
            let broken = invariants::check(&eyes, run_id, &arrivals).await;
            self.played.broken.extend(broken);
        }
        self.stop_worker().await?;
        self.check_rest().await?;
        let mut done = self.setup.outside.done().await;
        done.extend(self.heard.lines());
        done.sort();
        self.played.done = done;
        Ok(self.played)
    }

    /// Puts a process together, with watched borders.
    fn runtime(&mut self, process: &Arc<Process>) -> Runtime {
        self.lives += 1;
        let entropy = Arc::new(SeededEntropy::new(self.lives));
        let (inner, store) = (self.given.clone(), self.store.clone());
        let watched = Arc::new(WatchedStore { inner, process: process.clone() });
        let mut borders = self.setup.borders();
        let inner = borders.tools;
        borders.tools = Arc::new(WatchedTools { inner, process: process.clone(), store });
        for provider in &mut borders.providers {
            let (inner, process) = (provider.clone(), process.clone());
            *provider = Arc::new(WatchedProvider { inner, process });
        }
        let (heard, process) = (self.heard.clone(), process.clone());
        borders.broker = Some(Arc::new(WatchedBroker { heard, process }));
        self.setup.process(&self.stage, watched, entropy, borders)
    }

    /// Returns a runtime that looks at the store as it is and never dies.
    fn eyes(&self) -> Runtime {
        let entropy = Arc::new(SeededEntropy::new(0));
        self.setup.process(&self.stage, self.store.clone(), entropy, self.setup.borders())
    }

    /// Starts a run, under one key.
    async fn start(&mut self, number: usize) -> Result<RunId, String> {
        let Some(mut wish) = self.setup.starts.get(number).cloned() else {
            return Err("there is no such run to start".into());
        };
        wish.key.get_or_insert_with(|| format!("start:{number}"));
        let started = self.insist(async |runtime| runtime.start(wish.clone()).await).await?;
        let started = started.map_err(|error| format!("the run does not start: {error}"))?;
        Ok(started.run_id)
    }

    /// Lets somebody outside do something, who tries again until told what came of it.
    async fn insist<T>(
        &mut self,
        act: impl AsyncFn(&Runtime) -> Result<T, EngineError>,
    ) -> Result<Result<T, EngineError>, String> {
        for _ in 0..LIVES {
            let process = Process::begin(&self.fuse);
            let runtime = self.runtime(&process);
            let done = tokio::select! {
                biased;
                done = act(&runtime) => Some(done),
                () = process.death() => None,
            };
            match done {
                // Whether it was done cannot be known.
                Some(Err(error)) if error.code == Code::StoreUnreachable => {}
                Some(answer) => return Ok(answer),
                None => self.played.deaths += 1,
            }
        }
        Err("nobody is told what came of it, however often it is tried".into())
    }

    async fn drive(&mut self, run_id: RunId) -> Result<(), String> {
        let fuse = self.fuse.clone();
        let over = tokio::select! {
            over = self.until_over(run_id) => over,
            why = no_rest(&fuse) => Err(why),
        };
        let Err(why) = over else { return Ok(()) };
        let view = self.eyes().view(run_id).await;
        let journal = view.map_or_else(|e| e.to_string(), |view| listing(&view));
        Err(format!("{why}\n{journal}"))
    }

    async fn until_over(&mut self, run_id: RunId) -> Result<(), String> {
        loop {
            self.keep_a_worker().await?;
            let row = self.row(run_id).await?;
            let mail = self.store.outbox(1).await.map_err(|e| e.to_string())?;
            if row.status.is_terminal() && mail.is_empty() {
                return Ok(());
            }
            self.look_after(row).await?;
            tokio::time::sleep(self.stage.clock.longest_wait()).await;
        }
    }

    /// Sees to it that a worker lives: buries a dead one, lets its lease pass, starts another.
    async fn keep_a_worker(&mut self) -> Result<(), String> {
        if self
            .life
            .as_ref()
            .is_some_and(|life| !life.process.is_dead() && !life.task.is_finished())
        {
            return Ok(());
        }
        if self.life.is_some() {
            self.bury().await?;
        }
        if self.lives > LIVES as u64 * (1 + self.setup.starts.len() as u64) * 4 {
            return Err("workers die again and again".into());
        }
        let (process, stop) = (Process::begin(&self.fuse), CancellationToken::new());
        let runtime = Arc::new(self.runtime(&process));
        let worker = Worker::new(runtime, format!("worker-{}", self.lives));
        let task = tokio::spawn(worker.run(stop.clone()));
        self.life = Some(Life { process, stop, task });
        Ok(())
    }

    /// Takes down what is left of a dead worker, and lets its lease pass.
    async fn bury(&mut self) -> Result<(), String> {
        let Some(life) = self.life.take() else { return Ok(()) };
        life.task.abort();
        let ended = life.task.await;
        if let Err(error) = ended
            && error.is_panic()
        {
            return Err(format!("the worker panicked: {error}"));
        }
        self.played.deaths += 1;
        self.stage.clock.advance(self.setup.options.lease + Duration::from_secs(1));
        Ok(())
    }

    /// Stops the worker gracefully; it may die of it.
    async fn stop_worker(&mut self) -> Result<(), String> {
        let Some(life) = &mut self.life else { return Ok(()) };
        life.stop.cancel();
        let ended = tokio::select! {
            ended = &mut life.task => Some(ended),
            () = life.process.death() => None,
        };
        match ended {
            Some(Ok(Ok(_))) => {
                self.life = None;
                Ok(())
            }
            Some(Ok(Err(_))) => {
                self.life = None;
                self.played.deaths += 1;
                Ok(())
            }
            Some(Err(error)) => Err(format!("the worker panicked: {error}")),
            None => self.bury().await,
        }
    }

    /// Lets time pass over a wait.
    async fn let_pass(&mut self, span: Duration) -> Result<(), String> {
        if span > LIVELY {
            self.stop_worker().await?;
        }
        self.stage.clock.advance(span);
        Ok(())
    }

    async fn row(&self, run_id: RunId) -> Result<RunRow, String> {
        let row = self.store.run(run_id).await.map_err(|e| e.to_string())?;
        row.ok_or_else(|| format!("{run_id} is gone"))
    }
}

/// Returns when a case stands still or goes round in circles.
async fn no_rest(fuse: &Fuse) -> String {
    let (mut passed, mut since) = (0, tokio::time::Instant::now());
    loop {
        tokio::time::sleep(STILLNESS / 100).await;
        let now = fuse.passed();
        if now > POINTS {
            return format!("the run goes round in circles: {now} points passed");
        }
        if now == passed && since.elapsed() > STILLNESS {
            return format!("the run came to no rest: nothing happened for {STILLNESS:?}");
        }
        if now != passed {
            (passed, since) = (now, tokio::time::Instant::now());
        }
    }
}
