//! What the tests of this crate run on.

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    fold::Projection,
    id::RunId,
    model::ModelCatalog,
    run::RunStatus,
    store::Store,
};
use mainstay_engine::{
    commands::{RunView, StartRun},
    flows::Flows,
    program::Flow,
    runtime::Runtime,
    worker::Worker,
};
use mainstay_providers::prices::Prices;
use mainstay_store::model::MemoryStore;
use mainstay_testing::clock::{SeededEntropy, SimulatedClock};
use mainstay_tools::{JsonSchemaCheck, Registry, Resources};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// A runtime on the pure model, with a clock the test moves.
pub(crate) struct Rig {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) clock: Arc<SimulatedClock>,
}

impl Rig {
    pub(crate) fn with(add: impl FnOnce(&mut Flows, &mut Registry)) -> Self {
        let clock = Arc::new(SimulatedClock::default());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default().with_clock(clock.clone()));
        let mut flows = Flows::default();
        let mut tools = Registry::new(Resources::default(), clock.clone());
        add(&mut flows, &mut tools);
        let models = ModelCatalog::new(Arc::new(Prices::bundled()));
        let entropy = Arc::new(SeededEntropy::new(1));
        let schema = Arc::new(JsonSchemaCheck::default());
        let runtime =
            Runtime::new(store, clock.clone(), entropy, flows, models, (Arc::new(tools), schema));
        Self { runtime: Arc::new(runtime), clock }
    }

    pub(crate) fn flow<F: Flow>() -> Self {
        Self::with(|flows, _| flows.add(F::program()))
    }

    pub(crate) async fn start(&self, flow: &str, input: Value) -> RunId {
        self.runtime.store.migrate(()).await.unwrap();
        self.runtime.start(StartRun::new(flow, input)).await.unwrap().run_id
    }

    /// Drives with one worker until the run ends or stops.
    pub(crate) async fn drive(&self, run_id: RunId) -> RunView {
        let stop = CancellationToken::new();
        let worker = tokio::spawn(Worker::new(self.runtime.clone(), "test").run(stop.clone()));
        let settled = tokio::time::timeout(Duration::from_secs(20), self.settle(run_id)).await;
        stop.cancel();
        worker.await.unwrap().unwrap();
        let view = self.runtime.view(run_id).await.unwrap();
        if settled.is_err() {
            for (row, entry) in &view.rows {
                eprintln!("{} {:?}", row.position, entry);
            }
            panic!("the run did not settle: {:?}", view.row);
        }
        view
    }

    /// Moves the clock over every wait that time alone ends.
    async fn settle(&self, run_id: RunId) {
        loop {
            let row = self.runtime.row(run_id).await.unwrap();
            if row.status.is_terminal() || mainstay_engine::commands::is_stopped(&row) {
                return;
            }
            if row.status == RunStatus::Parked {
                self.clock.advance(Duration::from_secs(1));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) async fn output(&self, run: &Projection) -> Value {
        let held = run.output.clone().unwrap();
        self.runtime.value(run.run_id, &held).await.unwrap()
    }
}
