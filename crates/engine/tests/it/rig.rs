//! What the tests of this crate run on: a world that outlives its programs, programs that come and
//! go, and workers that can be killed.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mainstay_core::{
    allowance::Cap,
    endorse::Endorsements,
    fold::Projection,
    id::RunId,
    journal::Entry,
    link::LinkRules,
    model::{ModelCatalog, ModelChain, Provider, Tier, Traffic},
    policy::{NoPolicy, Policy},
    port::Clock,
    review::Decision,
    run::RunStatus,
    store::{
        Store,
        row::{ReviewFilter, ReviewRow, RunRow},
    },
    time::Timestamp,
    tool::Tool,
};
use mainstay_engine::{
    commands::{RunView, StartRun},
    flows::Flows,
    program::Flow,
    runtime::{Options, Runtime},
    worker::{Worker, WorkerReport},
};
use mainstay_providers::{
    prices::Prices,
    scripted::{Script, Scripted},
};
use mainstay_store::{
    model::MemoryStore,
    sqlite::{SqliteOptions, SqliteStore},
};
use mainstay_testing::clock::{SeededEntropy, SimulatedClock};
use mainstay_tools::JsonSchemaCheck;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::tools::Shelf;

/// Longer than any lease: after it, the runs of a killed worker may be taken over.
const AFTER_ANY_LEASE: Duration = Duration::from_secs(30);

/// What takes longer than this in reality is taken for hung; a slow machine is no fault.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// A store and a clock, which outlive every program that runs on them.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<SimulatedClock>,
    /// How far the clocks of its programs are behind the store's.
    lag: Duration,
    programs: Arc<AtomicU64>,
    _folder: Option<Arc<Folder>>,
}

/// A clock that shows an earlier time than another, and is as quick.
#[derive(Debug)]
struct Behind {
    clock: Arc<SimulatedClock>,
    lag: Duration,
}

#[async_trait]
impl Clock for Behind {
    fn now(&self) -> Timestamp {
        self.clock.now().before(self.lag)
    }

    fn boot(&self) -> Duration {
        self.clock.boot()
    }

    async fn sleep(&self, span: Duration) {
        self.clock.sleep(span).await;
    }
}

/// A folder on a real disk that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("engine-{name}-{}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl World {
    pub(crate) fn memory() -> Self {
        let clock = Arc::new(SimulatedClock::default());
        let store = Arc::new(MemoryStore::default().with_clock(clock.clone()));
        Self { store, clock, lag: Duration::ZERO, programs: Arc::default(), _folder: None }
    }

    /// A world on a SQLite file of its own.
    pub(crate) async fn sqlite(name: &str) -> Self {
        let folder = Arc::new(Folder::new(name));
        let clock = Arc::new(SimulatedClock::default());
        let options = SqliteOptions::default().with_clock(clock.clone());
        let store = Arc::new(SqliteStore::open(folder.0.join("runs.db"), options).await.unwrap());
        let lag = Duration::ZERO;
        Self { store, clock, lag, programs: Arc::default(), _folder: Some(folder) }
    }

    /// The same world, whose programs are on a machine that is behind.
    pub(crate) fn behind(self, lag: Duration) -> Self {
        Self { lag, ..self }
    }

    /// The same world, whose store is reached through another.
    pub(crate) fn through<S: Store + 'static>(
        &self,
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<S>,
    ) -> Self {
        Self { store: wrap(self.store.clone()), ..self.clone() }
    }

    /// Starts a program on this world: its flows, tools and models.
    pub(crate) fn program(&self, write: impl FnOnce(&mut Program)) -> Rig {
        let mut program = Program::default();
        write(&mut program);
        let Program {
            flows,
            tools,
            providers,
            tiers,
            traffic,
            options,
            caps,
            links,
            endorsements,
            policy,
        } = program;
        let policy = policy.unwrap_or_else(|| Arc::new(NoPolicy));
        let models = ModelCatalog::new(Arc::new(Prices::bundled()));
        let models = providers.into_iter().fold(models, ModelCatalog::with_provider);
        let models =
            tiers.into_iter().fold(models, |all, (tier, chain)| all.with_tier(tier, chain));
        let models = traffic.into_iter().fold(models, |all, (name, t)| all.with_traffic(name, t));
        let clock = Arc::new(Behind { clock: self.clock.clone(), lag: self.lag });
        let seed = self.programs.fetch_add(1, Ordering::Relaxed) + 1;
        let runtime = Runtime::new(
            self.store.clone(),
            clock,
            Arc::new(SeededEntropy::new(seed)),
            flows,
            models,
            (Arc::new(tools), Arc::new(JsonSchemaCheck::default())),
        );
        let runtime = Arc::new(
            runtime
                .with_options(options)
                .with_caps(caps)
                .with_links(links)
                .with_endorsements(endorsements)
                .with_policy(policy),
        );
        Rig { runtime, clock: self.clock.clone() }
    }
}

/// What a program is made of.
#[derive(Default)]
pub(crate) struct Program {
    pub(crate) flows: Flows,
    tools: Shelf,
    providers: Vec<Arc<dyn Provider>>,
    tiers: Vec<(Tier, ModelChain)>,
    traffic: Vec<(String, Traffic)>,
    pub(crate) options: Options,
    pub(crate) caps: Vec<Cap>,
    pub(crate) links: LinkRules,
    pub(crate) endorsements: Endorsements,
    policy: Option<Arc<dyn Policy>>,
}

impl Program {
    /// Sets what decides on calls.
    pub(crate) fn policy(&mut self, policy: Arc<dyn Policy>) -> &mut Self {
        self.policy = Some(policy);
        self
    }

    pub(crate) fn flow<F: Flow>(&mut self) -> &mut Self {
        self.flows.add(F::program());
        self
    }

    pub(crate) fn tool(&mut self, tool: Arc<dyn Tool>) -> &mut Self {
        self.tools.add(tool);
        self
    }

    pub(crate) fn provider(&mut self, provider: Arc<dyn Provider>) -> &mut Self {
        self.providers.push(provider);
        self
    }

    /// Says which models a tier stands for.
    pub(crate) fn tier(&mut self, tier: Tier, chain: ModelChain) -> &mut Self {
        self.tiers.push((tier, chain));
        self
    }

    /// Limits what an endpoint is asked at a time.
    pub(crate) fn traffic(&mut self, endpoint: &str, traffic: Traffic) -> &mut Self {
        self.traffic.push((endpoint.to_owned(), traffic));
        self
    }

    pub(crate) fn script(&mut self, text: &str) -> &mut Self {
        let script = Script::parse("test.yaml", text).unwrap();
        self.provider(Arc::new(Scripted::new().with_script(script)))
    }
}

/// A program on its world.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) clock: Arc<SimulatedClock>,
}

/// A worker that goes on until it is stopped or killed.
pub(crate) struct LiveWorker {
    stop: CancellationToken,
    task: JoinHandle<WorkerReport>,
}

impl LiveWorker {
    /// Stops it in good order.
    pub(crate) async fn stop(self) -> WorkerReport {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the worker drains").unwrap()
    }

    /// Ends it in the middle of whatever it does, as SIGKILL would: nothing is given back.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Rig {
    pub(crate) fn flow<F: Flow>() -> Self {
        World::memory().program(|program| drop(program.flow::<F>()))
    }

    pub(crate) async fn start(&self, flow: &str, input: Value) -> RunId {
        self.start_with(StartRun::new(flow, input)).await
    }

    pub(crate) async fn start_with(&self, wish: StartRun) -> RunId {
        self.runtime.store.migrate(()).await.unwrap();
        self.runtime.start(wish).await.unwrap().run_id
    }

    pub(crate) fn worker(&self) -> LiveWorker {
        let stop = CancellationToken::new();
        let worker = Worker::new(self.runtime.clone(), "test").run(stop.clone());
        LiveWorker { stop, task: tokio::spawn(async move { worker.await.unwrap() }) }
    }

    /// Drives with one worker until the run ends or stops.
    pub(crate) async fn drive(&self, run_id: RunId) -> RunView {
        let worker = self.worker();
        self.settled(run_id).await;
        worker.stop().await;
        self.view(run_id).await
    }

    /// Waits until the run ends or stops for what time alone does not bring, and moves the clock
    /// over every wait that time alone ends.
    pub(crate) async fn settled(&self, run_id: RunId) -> RunRow {
        let row = self.wait_for(run_id, |row| {
            if row.status == RunStatus::Parked && !mainstay_engine::commands::is_stopped(row) {
                self.clock.advance(Duration::from_secs(1));
            }
            row.status.is_terminal() || mainstay_engine::commands::is_stopped(row)
        });
        row.await
    }

    /// Waits until the run's row is as wanted.
    pub(crate) async fn wait_for(&self, run_id: RunId, wanted: impl Fn(&RunRow) -> bool) -> RunRow {
        let look = async {
            loop {
                let row = self.runtime.row(run_id).await.unwrap();
                if wanted(&row) {
                    return row;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(row) => row,
            Err(_) => {
                let view = self.view(run_id).await;
                let rows: Vec<_> =
                    view.rows.iter().map(|(_, entry)| format!("{entry:?}")).collect();
                panic!("the run did not settle: {:?}\n{}", view.row, rows.join("\n"));
            }
        }
    }

    /// Waits until a run is there and stands so.
    pub(crate) async fn wait_for_status(&self, run_id: RunId, wanted: RunStatus) {
        let look = async {
            let status = async || self.runtime.row(run_id).await.ok().map(|row| row.status);
            while status().await != Some(wanted) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("the run comes to stand so");
    }

    /// Returns the version in the run's row.
    pub(crate) async fn row_version(&self, run_id: RunId) -> u32 {
        self.runtime.row(run_id).await.unwrap().flow.version
    }

    /// Waits until so many sessions are open.
    pub(crate) async fn wait_for_sessions(&self, count: usize) {
        let look = async {
            while self.runtime.store.sessions(()).await.unwrap().len() != count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("the sessions open");
    }

    /// Waits until the journal holds an entry as wanted.
    pub(crate) async fn wait_for_entry(&self, run_id: RunId, wanted: impl Fn(&Entry) -> bool) {
        let look = async {
            while !self.view(run_id).await.rows.iter().any(|(_, entry)| wanted(entry)) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("the entry comes");
    }

    /// Lets every lease of a killed worker run out.
    pub(crate) fn let_leases_lapse(&self) {
        self.clock.advance(AFTER_ANY_LEASE);
    }

    /// Waits until so many workers have a session.
    pub(crate) async fn sessions_are_open(&self, count: usize) {
        let look = async {
            while self.runtime.store.sessions(()).await.unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("workers open their sessions");
    }

    /// Waits until no session's last beat is older than a beat's distance and a second.
    pub(crate) async fn beats_are_in(&self) {
        let options = Options::default();
        let fresh = options.lease.saturating_sub(options.beat + Duration::from_secs(1));
        let look = async {
            loop {
                let sessions = self.runtime.store.sessions(()).await.unwrap();
                if sessions.iter().all(|session| session.left >= fresh) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("workers beat");
    }

    pub(crate) async fn view(&self, run_id: RunId) -> RunView {
        self.runtime.view(run_id).await.unwrap()
    }

    pub(crate) async fn output(&self, run: &Projection) -> Value {
        let held = run.output.clone().expect("the run has an output");
        self.runtime.value(run.run_id, &held).await.unwrap()
    }

    /// Drives to the end and returns the output of a run that must complete.
    pub(crate) async fn completed(&self, run_id: RunId) -> Value {
        let view = self.drive(run_id).await;
        assert_eq!(view.row.status, RunStatus::Completed, "{:?}", view.projection.finished);
        self.output(&view.projection).await
    }

    pub(crate) async fn open_review(&self, run_id: RunId) -> ReviewRow {
        let mut open = self.open_reviews(run_id).await;
        assert_eq!(open.len(), 1, "one open review");
        open.remove(0)
    }

    pub(crate) async fn open_reviews(&self, run_id: RunId) -> Vec<ReviewRow> {
        let reviews = self.runtime.store.reviews(ReviewFilter::OfRun(run_id)).await.unwrap();
        reviews.into_iter().filter(|review| review.open).collect()
    }

    pub(crate) async fn decide(&self, run_id: RunId, decision: Decision) {
        let request = self.open_review(run_id).await.request;
        let decided =
            self.runtime.decide(request.review_id, request.subject_digest, decision, "ann").await;
        decided.unwrap();
    }

    pub(crate) async fn approve(&self, run_id: RunId) {
        self.decide(run_id, Decision::Approve { note: None }).await;
    }
}

/// The kinds of a run's entries, in order, for tests that look at the whole story.
pub(crate) fn kinds(view: &RunView) -> Vec<&'static str> {
    view.rows.iter().map(|(_, entry)| entry.kind()).collect()
}

/// Returns the words of what a parked run waits for.
pub(crate) fn waits(row: &RunRow) -> Vec<&'static str> {
    row.wait.as_ref().map(mainstay_core::wait::WaitSet::words).unwrap_or_default()
}
