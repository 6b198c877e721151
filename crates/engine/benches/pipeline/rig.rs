//! The engine around the desk: a store in memory, the machine's clock, budgets, labels, rules.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mainstay_core::{
    budget::Limits,
    id::RunId,
    link::LinkRules,
    model::ModelCatalog,
    port::Clock,
    run::RunStatus,
    tool::{Tool, ToolCall, ToolFailure, ToolSpec},
};
use mainstay_engine::{
    commands::StartRun,
    flows::Flows,
    program::Flow,
    runtime::{Options, Runtime},
    system::{OsEntropy, SystemClock},
    worker::Worker,
};
use mainstay_providers::prices::Prices;
use mainstay_store::model::MemoryStore;
use mainstay_tools::{NativeTool, Registry, Resources, ToolSet};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    desk::{Clerk, Manner, Time, find_order, send_message, take_times},
    rules::{Mix, policy},
};

/// Calls of one step. Whoever looks for trusted values goes through all results of the step, so a
/// longer step has dearer calls.
const CALLS: u32 = 50;

/// Other tools in the catalogue.
const OTHERS: usize = 40;

/// A tool of the catalogue that nobody calls.
struct Idle(ToolSpec);

#[async_trait]
impl Tool for Idle {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: ToolCall) -> Result<Value, ToolFailure> {
        Err(ToolFailure::refused("nobody calls it"))
    }
}

/// Opens the catalogue.
pub(crate) fn registry() -> Registry {
    let idle = |n| {
        let mut spec = send_message::spec();
        spec.name = format!("crm.update_{n}");
        Arc::new(Idle(spec))
    };
    let tools = ToolSet::new().native::<find_order>().native::<send_message>();
    let tools = (0..OTHERS).fold(tools, |tools, n| tools.tool(idle(n)));
    tools.open(Resources::new(), Arc::new(SystemClock)).unwrap()
}

/// What limits a run of the bench, without ever stopping it.
pub(crate) fn limits() -> Limits {
    Limits { usd: Some(5_000_000), tool_calls: Some(1_000), ..Limits::none() }
}

/// Returns the hosts that text may link to.
pub(crate) fn links() -> LinkRules {
    LinkRules::allowing(["shop.example", "help.example"])
}

/// Drives so many calls at least through the whole pipeline, one after the other, and returns what
/// each took.
pub(crate) async fn drive(mix: Mix, manner: Manner, calls: usize) -> Vec<Time> {
    let runtime = Arc::new(runtime(mix));
    runtime.store.migrate(()).await.unwrap();
    let runs = calls.div_ceil(CALLS as usize);
    let mut started = Vec::new();
    // The first is the warm-up.
    for _ in 0..=runs {
        started.push(runtime.start(wish(manner)).await.unwrap().run_id);
    }
    take_times();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(Worker::new(runtime.clone(), "bench").run(stop.clone()));
    for run in started {
        ended(&runtime, run).await;
    }
    stop.cancel();
    worker.await.unwrap().unwrap();
    take_times().split_off(CALLS as usize)
}

fn runtime(mix: Mix) -> Runtime {
    let mut flows = Flows::default();
    flows.add(Clerk::program());
    let tools = registry();
    let schema = tools.schema();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let models = ModelCatalog::new(Arc::new(Prices::bundled()));
    let store = Arc::new(MemoryStore::default());
    Runtime::new(store, clock, Arc::new(OsEntropy), flows, models, (Arc::new(tools), schema))
        .with_options(Options { concurrency: 1, ..Options::default() })
        .with_links(links())
        .with_policy(policy(mix))
}

fn wish(manner: Manner) -> StartRun {
    let orders: Vec<_> = (0..20).map(|n| format!("order-{n:04}")).collect();
    let input =
        json!({ "calls": CALLS, "manner": manner, "orders": orders, "to": "ann@shop.example" });
    StartRun { limits: limits(), ..StartRun::new(Clerk::NAME, input) }
}

async fn ended(runtime: &Runtime, run: RunId) {
    loop {
        let row = runtime.row(run).await.unwrap();
        assert_ne!(row.status, RunStatus::Parked, "no call of the bench waits: {:?}", row.wait);
        if row.status.is_terminal() {
            assert_eq!(row.status, RunStatus::Completed, "every call of the bench is made");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
