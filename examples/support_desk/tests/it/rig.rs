//! The flows on a real database, driven by a worker of this process with the scripted model.

use std::{sync::Arc, time::Duration};

use mainstay::Flow;
use mainstay_core::{id::RunId, model::ModelCatalog, store::row::ReviewFilter};
use mainstay_core::{review::Decision, run::RunStatus, store::row::ReviewRow, wait::Wait};
use mainstay_engine::{
    commands::is_stopped,
    flows::Flows,
    runtime::Runtime,
    system::{OsEntropy, SystemClock},
    worker::Worker,
};
use mainstay_providers::{prices::Prices, scripted::Scripted};
use mainstay_tools::Resources;
use serde_json::Value;
use support_desk::{
    desk::SupportDesk,
    onboarding::Onboarding,
    sample::{letter, script},
    shop::{ActionKind, Shop},
    ticket::{Sample, samples},
    tool::tools,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::database::Database;

/// Only what hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(900);

/// A desk: its database, and perhaps a worker that drives what is started.
pub(crate) struct Rig {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) shop: Shop,
    stop: CancellationToken,
    worker: Option<JoinHandle<()>>,
    /// Dropped last: it takes the database away.
    pub(crate) database: Database,
}

/// Where a run stands once it ended or stopped.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) status: RunStatus,
    pub(crate) waits: Vec<Wait>,
    pub(crate) output: Value,
    pub(crate) failure: Option<String>,
}

impl Rig {
    /// Opens a desk with a worker and the scripted model.
    pub(crate) async fn open(database: Database) -> Self {
        Self::open_with(database, scripted()).await
    }

    /// Opens a desk with a worker and these models.
    pub(crate) async fn open_with(database: Database, models: ModelCatalog) -> Self {
        let mut rig = Self::idle(database, models).await;
        let run = Worker::new(Arc::clone(&rig.runtime), "test").run(rig.stop.clone());
        rig.worker = Some(tokio::spawn(async move {
            run.await.unwrap();
        }));
        rig
    }

    /// Opens a desk at which nobody works yet.
    pub(crate) async fn without_worker(database: Database) -> Self {
        Self::idle(database, scripted()).await
    }

    async fn idle(database: Database, models: ModelCatalog) -> Self {
        let shop = database.shop().await;
        let runtime = Arc::new(runtime(&database, &shop, models).await);
        Self { runtime, shop, stop: CancellationToken::new(), worker: None, database }
    }

    pub(crate) async fn close(self) {
        self.stop.cancel();
        if let Some(worker) = self.worker {
            worker.await.unwrap();
        }
    }

    pub(crate) async fn letter(&self, id: &str) -> RunId {
        let samples = samples().unwrap();
        let sample = samples.iter().find(|sample| sample.ticket.id.as_str() == id).unwrap();
        self.start_letter(sample).await
    }

    pub(crate) async fn start_letter(&self, sample: &Sample) -> RunId {
        self.runtime.start(letter(sample.ticket.clone())).await.unwrap().run_id
    }

    /// Waits until a run ended or needs somebody.
    pub(crate) async fn settle(&self, run_id: RunId) -> Settled {
        let settled = tokio::time::timeout(PATIENCE, self.runtime.settle(run_id)).await;
        let view = self.runtime.view(run_id).await.unwrap();
        if settled.is_err() {
            for (row, entry) in &view.rows {
                eprintln!("{} {entry:?}", row.position);
            }
            panic!("the run did not settle: {:?}", view.row);
        }
        let output = match &view.projection.output {
            Some(held) => self.runtime.value(run_id, held).await.unwrap(),
            None => Value::Null,
        };
        let waits = view.row.wait.clone().map(|set| set.waits).unwrap_or_default();
        let finished = view.projection.finished.as_ref();
        let failure = finished.and_then(|end| end.failure.as_ref()).map(ToString::to_string);
        Settled { status: view.row.status, waits, output, failure }
    }

    /// Returns the one review a run waits for.
    pub(crate) async fn review_of(&self, run_id: RunId) -> ReviewRow {
        let mut reviews = self.runtime.store.reviews(ReviewFilter::OfRun(run_id)).await.unwrap();
        assert_eq!(reviews.len(), 1, "{reviews:?}");
        reviews.remove(0)
    }

    pub(crate) async fn decide(&self, review: &ReviewRow, decision: Decision) {
        let (id, digest) = (review.request.review_id, review.request.subject_digest);
        self.runtime.decide(id, digest, decision, "ann").await.unwrap();
    }

    /// Returns a run that was parked, once it has gone on and ended.
    pub(crate) async fn ended(&self, run_id: RunId) -> Settled {
        let wait = async {
            loop {
                let row = self.runtime.row(run_id).await.unwrap();
                if row.status.is_terminal() {
                    return;
                }
                assert!(row.status != RunStatus::Parked || is_stopped(&row), "{row:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the run ends");
        self.settle(run_id).await
    }

    /// Returns what happened in the shop: what, to what, how often.
    pub(crate) async fn performed(&self) -> Vec<(ActionKind, String, i64)> {
        let actions = self.shop.actions().await.unwrap();
        actions.into_iter().map(|a| (a.action, a.subject, a.performed)).collect()
    }
}

fn scripted() -> ModelCatalog {
    ModelCatalog::new(Arc::new(Prices::bundled()))
        .with_provider(Arc::new(Scripted::new().with_script(script().unwrap())))
        .with_default(&"scripted:desk".parse().unwrap())
}

async fn runtime(database: &Database, shop: &Shop, models: ModelCatalog) -> Runtime {
    let store = database.store().await;
    let clock = Arc::new(SystemClock);
    let registry = tools().open(Resources::new().with(shop.clone()), clock.clone()).unwrap();
    let mut flows = Flows::default();
    flows.add(SupportDesk::program());
    flows.add(Onboarding::program());
    let schema = registry.schema();
    let tools = (Arc::new(registry) as Arc<_>, schema as Arc<_>);
    Runtime::new(store, clock, Arc::new(OsEntropy), flows, models, tools)
}
