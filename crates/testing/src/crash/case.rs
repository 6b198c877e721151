//! One case: a setup played from its first run to its last, with something going wrong on the way.
//!
//! The director stands outside of every process: it looks at the store as it is, starts processes
//! and buries them, lets time pass when nothing else can happen, and lets the person decide.

mod attend;
mod crew;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mainstay_core::{
    code::Code,
    id::RunId,
    journal::JournalRow,
    model::Provider,
    store::{
        Store,
        row::{IndexFilter, RunRow},
    },
    time::Timestamp,
};
use mainstay_engine::{error::EngineError, runtime::Runtime};

use super::{
    ending::Ending,
    fuse::Fuse,
    outside::{Heard, WatchedBroker, WatchedProvider, WatchedTools},
    process::Process,
    store::WatchedStore,
};
use crate::{
    clock::SeededEntropy,
    invariants,
    rig::{Setup, Stage, listing},
};
use crew::Crew;

/// Nothing may happen in a case for this long; in simulated time a slow machine takes no longer.
const STILLNESS: Duration = Duration::from_secs(120);

/// Points a case may pass; one that passes more goes round in circles.
const POINTS: usize = 5_000;

/// Lives a command may need; a strike takes one, and a strike in its recovery another.
const LIVES: usize = 12;

/// Time between two looks of the director, where time flows.
const LOOK: Duration = Duration::from_millis(100);

/// Runs one setup may start, children included.
const RUNS: u32 = 10_000;

/// What a case came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Played {
    /// How each run ended.
    pub(crate) endings: Vec<Ending>,
    /// Each run's journal: those that were started, then their children's.
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
    /// A process that looks at the store as it is and never dies.
    eyes: Runtime,
    crew: Crew,
    /// Processes begun so far.
    lives: u64,
    /// When the person first heard of something.
    noticed: BTreeMap<String, Timestamp>,
    played: Played,
}

impl Case {
    pub(crate) fn new(
        stage: Stage,
        mut setup: Setup,
        (store, given): (Arc<dyn Store>, Arc<dyn Store>),
        fuse: Arc<Fuse>,
    ) -> Self {
        let (heard, noticed, played) = (Arc::default(), BTreeMap::new(), Played::default());
        let crew = Crew::of(fuse.schedule());
        if let Some(schedule) = fuse.schedule() {
            setup.options = schedule.options(setup.options);
        }
        let entropy = Arc::new(SeededEntropy::new(0));
        let eyes = setup.process(&stage, store.clone(), entropy, setup.borders());
        Self { stage, setup, store, given, fuse, heard, eyes, crew, lives: 0, noticed, played }
    }

    /// Plays every run, one after the other, and looks at what came of them.
    pub(crate) async fn play(mut self) -> Result<Played, String> {
        let mut started = Vec::new();
        for number in 0..self.setup.starts.len() {
            let run_id = self.start(number).await?;
            self.drive(run_id).await?;
            started.push(run_id);
        }
        self.stop_workers().await?;
        for run_id in self.with_children(started).await? {
            self.examine(run_id).await?;
        }
        // Side by side children come in any order.
        self.played.endings.sort_by_key(|ending| format!("{ending:?}"));
        self.check_rest().await?;
        let mut done = self.setup.outside.done().await;
        done.extend(self.heard.lines());
        done.sort();
        self.played.done = done;
        Ok(self.played)
    }

    async fn with_children(&self, mut runs: Vec<RunId>) -> Result<Vec<RunId>, String> {
        self.store.refresh_index(RUNS).await.map_err(|e| e.to_string())?;
        let filter = IndexFilter { limit: RUNS, ..IndexFilter::default() };
        let mut all = self.store.list_runs(filter).await.map_err(|e| e.to_string())?;
        all.sort_by_key(|row| row.run_id);
        let children = all.into_iter().map(|row| row.run_id).filter(|id| !runs.contains(id));
        let children: Vec<_> = children.collect();
        runs.extend(children);
        Ok(runs)
    }

    async fn examine(&mut self, run_id: RunId) -> Result<(), String> {
        let eyes = &self.eyes;
        let view = eyes.view(run_id).await.map_err(|e| e.to_string())?;
        self.played.endings.push(Ending::of(eyes, &view).await?);
        self.played.journals.push(view.rows.into_iter().map(|(row, _)| row).collect());
        let broken = invariants::check(eyes, run_id, &self.fuse.arrivals()).await;
        self.played.broken.extend(broken);
        Ok(())
    }

    /// Puts a process together, with watched borders.
    fn runtime(&mut self, process: &Arc<Process>) -> Runtime {
        self.lives += 1;
        let (inner, store) = (self.given.clone(), self.store.clone());
        let watched = Arc::new(WatchedStore { inner, process: process.clone() });
        let borders = self.setup.borders();
        let (inner, held) = (borders.tools, self.stage.url().is_some());
        let watched_tools = WatchedTools { inner, process: process.clone(), store, held };
        let tools = self.setup.between(Arc::new(watched_tools));
        let providers = borders.providers.into_iter().map(|inner| {
            Arc::new(WatchedProvider { inner, process: process.clone() }) as Arc<dyn Provider>
        });
        let (heard, process) = (self.heard.clone(), process.clone());
        Runtime {
            store: watched,
            clock: process.clone(),
            entropy: Arc::new(SeededEntropy::new(self.lives)),
            models: self.setup.models(providers.collect()),
            tools,
            broker: Arc::new(WatchedBroker { heard, process }),
            gates: Arc::default(),
            ..self.eyes.clone()
        }
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
            let process = Process::begin(&self.fuse, &self.stage.clock);
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
            biased;
            over = self.until_over(run_id) => over,
            why = no_rest(&fuse) => Err(why),
        };
        let Err(why) = over else { return Ok(()) };
        let view = self.eyes.view(run_id).await;
        let journal = view.map_or_else(|e| e.to_string(), |view| listing(&view));
        Err(format!("{why}\n{journal}"))
    }

    async fn until_over(&mut self, run_id: RunId) -> Result<(), String> {
        loop {
            self.keep_workers().await?;
            let row = self.row(run_id).await?;
            let mail = self.store.outbox(1).await.map_err(|e| e.to_string())?;
            if row.status.is_terminal() && mail.is_empty() {
                return Ok(());
            }
            self.look_after(row).await?;
            let flows = self.fuse.schedule().is_some();
            let pause = if flows { LOOK } else { self.stage.clock.longest_wait() };
            tokio::time::sleep(pause).await;
        }
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
