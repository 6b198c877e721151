//! An agent of twelve turns with a look in each, on a scripted model behind a stopwatch.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use mainstay::{Resources, ToolSet, prelude::*};
use mainstay_core::{
    model::{CallContext, ModelCatalog, ModelFailure, ModelId, Price, Provider, StreamSink},
    port::Clock,
    store::Store,
};
use mainstay_engine::{
    flows::Flows,
    runtime::{Options, Runtime},
    system::{OsEntropy, SystemClock},
};
use mainstay_providers::{
    prices::Prices,
    scripted::{Script, Scripted},
};

use crate::Fault;

/// Turns of an agent, each a model call; all but the last make one call of a tool.
pub const TURNS: usize = 12;

/// An agent's work.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Clerk {}

/// Looks eleven times, and says what it saw.
#[flow(name = "clerk", version = 1)]
impl Clerk {
    #[start(grants = [glance])]
    async fn work(&self, cx: &StepContext) -> Result<String> {
        let model: ModelId = "scripted:clerk".parse()?;
        let clerk = Agent::new("clerk", "a clerk", "look eleven times")
            .with_model(model)
            .with_grants(Grants::from_iter(["glance"]));
        Ok(cx.agent(&clerk, Assignment::of("Look eleven times.")).await?.text)
    }
}

/// Looks, at once and at nothing.
#[tool(effect = read)]
pub(crate) async fn glance(number: u32) -> Result<String, ToolFailure> {
    Ok(format!("number {number} is as it should be"))
}

/// How long the model takes for which turn.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// For a turn.
    pub turn: Duration,
    /// For the sixth, in which an agent has most of its conversation in view.
    pub sixth: Duration,
}

fn script(pace: Pace) -> Result<Script, Fault> {
    let text = format!(
        r"
model: clerk
price: {{ input_per_million: 150000, output_per_million: 600000 }}
latency_ms: {}
rules:
  - when: {{ all: ['12 of 25'] }}
    reply: {{ text: all is as it should be }}
  - when: {{ all: ['6 of 25'] }}
    latency_ms: {}
    reply: {{ tool_calls: [{{ name: glance, arguments: {{ number: 6 }} }}] }}
  - capture: {{ turn: '## Turn\n(\d+) of' }}
    reply: {{ tool_calls: [{{ name: glance, arguments: {{ number: '{{{{turn:number}}}}' }} }}] }}
",
        pace.turn.as_millis(),
        pace.sixth.as_millis()
    );
    Ok(Script::parse("clerk.yaml", &text)?)
}

/// When the calls of one model began and ended.
#[derive(Debug, Default)]
pub struct Calls {
    /// By the clock since the machine's start, in order.
    pub begun: Vec<Duration>,
    /// Likewise.
    pub ended: Vec<Duration>,
}

/// A model that writes down when it is asked and when it has answered.
#[derive(Debug)]
pub struct Stopwatch {
    inner: Scripted,
    calls: Mutex<Calls>,
}

impl Stopwatch {
    /// Makes one that takes its time.
    ///
    /// # Errors
    /// The script is not sound.
    pub fn new(pace: Pace) -> Result<Self, Fault> {
        let inner = Scripted::new().with_script(script(pace)?);
        Ok(Self { inner, calls: Mutex::default() })
    }

    /// Returns the calls since it was asked last.
    pub fn take(&self) -> Calls {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns how many calls have no answer yet, and how many have one.
    pub fn count(&self) -> (usize, usize) {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        (calls.begun.len() - calls.ended.len(), calls.ended.len())
    }

    fn note(&self, note: impl FnOnce(&mut Calls, Duration)) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut calls, SystemClock.boot());
    }
}

#[async_trait]
impl Provider for Stopwatch {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn serves(&self, model: &ModelId) -> bool {
        self.inner.serves(model)
    }

    fn count_input(&self, model: &ModelId, request: &ModelRequest) -> u64 {
        self.inner.count_input(model, request)
    }

    fn price(&self, model: &ModelId) -> Option<Price> {
        self.inner.price(model)
    }

    async fn call(
        &self,
        model: &ModelId,
        request: &ModelRequest,
        context: &CallContext,
        sink: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure> {
        self.note(|calls, now| calls.begun.push(now));
        let reply = self.inner.call(model, request, context, sink).await;
        self.note(|calls, now| calls.ended.push(now));
        reply
    }
}

/// Returns a runtime that drives clerks on this model, so many at a time.
///
/// # Errors
/// The store or the tools cannot be had.
pub async fn runtime(
    store: Arc<dyn Store>,
    model: Arc<Stopwatch>,
    concurrency: usize,
) -> Result<Arc<Runtime>, Fault> {
    let clock = Arc::new(SystemClock);
    let tools = ToolSet::new().native::<glance>().open(Resources::new(), clock.clone())?;
    let schema = tools.schema();
    let mut flows = Flows::default();
    flows.add(Clerk::program());
    let models = ModelCatalog::new(Arc::new(Prices::bundled())).with_provider(model);
    let runtime =
        Runtime::new(store, clock, Arc::new(OsEntropy), flows, models, (Arc::new(tools), schema));
    for flow in runtime.flows.iter() {
        runtime.store.register_flow(flow.program.definition().clone()).await?;
    }
    let options = Options { concurrency, ..Options::default() };
    Ok(Arc::new(runtime.with_options(options)))
}
