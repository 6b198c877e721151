//! The borders between a process and the world: tools, models, the bus.

use std::sync::Arc;

use async_trait::async_trait;
use mainstay_core::{
    effect::IdempotencyKey,
    journal::Entry,
    model::{
        CallContext, ModelFailure, ModelId, ModelReply, ModelRequest, Price, Provider, StreamSink,
    },
    payload::Payload,
    port::Broker,
    store::{Store, operation::JournalRequest},
    tool::{EffectClass, Reconciled, Tool, ToolCall, ToolCatalog, ToolFailure, ToolSpec},
};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{
    fuse::Manner,
    held::Held,
    process::{Arrival, Process, Upsets},
};

/// Journal rows read to find an intent.
const PAGE: u32 = 10_000;

pub(crate) struct WatchedTools {
    pub(crate) inner: Arc<dyn ToolCatalog>,
    pub(crate) process: Arc<Process>,
    /// The store as it is: to see what was durable when a call arrived.
    pub(crate) store: Arc<dyn Store>,
    /// Whether tools may really wait, for a database beside the store: no time passes then.
    pub(crate) held: bool,
}

impl ToolCatalog for WatchedTools {
    fn get(&self, name: &str) -> Option<Arc<dyn Tool>> {
        let (process, store, held) = (self.process.clone(), self.store.clone(), self.held);
        self.inner
            .get(name)
            .map(|inner| Arc::new(WatchedTool { inner, process, store, held }) as Arc<dyn Tool>)
    }

    fn specs(&self) -> Vec<ToolSpec> {
        self.inner.specs()
    }
}

struct WatchedTool {
    inner: Arc<dyn Tool>,
    process: Arc<Process>,
    store: Arc<dyn Store>,
    held: bool,
}

/// How a call of the world is a point.
const fn outer(repeatable: bool) -> Manner {
    Manner { known: true, repeatable, bears: true }
}

impl WatchedTool {
    /// Writes down that a call has reached the world.
    async fn note(&self, call: &ToolCall) {
        let arguments = Payload::of(&call.arguments).map(|payload| payload.digest());
        let Ok(arguments) = arguments else { return };
        let announced = self.is_announced(call).await;
        self.process.fuse.arrived(Arrival {
            run_id: call.run_id,
            position: call.position.clone(),
            tool: self.inner.spec().name.clone(),
            key: call.key.to_string(),
            arguments,
            announced,
        });
    }

    async fn is_announced(&self, call: &ToolCall) -> bool {
        let request = JournalRequest { run_id: call.run_id, from: 1, limit: PAGE };
        let rows = self.store.journal(request).await.unwrap_or_default();
        rows.iter().filter_map(|row| row.entry().ok()).any(|entry| {
            matches!(entry, Entry::EffectIntended { position, .. } if position == call.position)
        })
    }
}

#[async_trait]
impl Tool for WatchedTool {
    fn spec(&self) -> &ToolSpec {
        self.inner.spec()
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let call = ToolCall { deadline: self.process.in_truth(call.deadline), ..call };
        let what = format!("tool:{}", self.inner.spec().name);
        let again =
            matches!(self.inner.spec().effect, EffectClass::Read | EffectClass::Idempotent { .. });
        let noted = OnceCell::new();
        let (call, noted) = (&call, &noted);
        let work = || async move {
            noted.get_or_init(|| self.note(call)).await;
            let _held = self.held.then(Held::begin);
            self.inner.call(call.clone()).await
        };
        // What a reset connection looks like: it may have acted, and another try may help.
        let lost = ToolFailure::new("the answer was lost").retryable();
        let refused = ToolFailure::unavailable("the request was lost");
        self.process.call((&what, outer(again)), work, Upsets { lost, refused }).await
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        let what = format!("reconcile:{}", self.inner.spec().name);
        let call = &call;
        let look = || async move {
            let _held = self.held.then(Held::begin);
            Ok::<_, ()>(self.inner.reconcile(call.clone()).await)
        };
        let upsets = Upsets { lost: (), refused: () };
        self.process.cross((&what, outer(true)), look, upsets).await.unwrap_or(Reconciled::Unknown)
    }
}

pub(crate) struct WatchedProvider {
    pub(crate) inner: Arc<dyn Provider>,
    pub(crate) process: Arc<Process>,
}

#[async_trait]
impl Provider for WatchedProvider {
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
        let what = format!("model:{}", self.inner.name());
        let failed = |message: &str, started| ModelFailure::Unavailable {
            message: message.to_owned(),
            retry_after: None,
            started,
        };
        let upsets = Upsets {
            lost: failed("the answer was lost", true),
            refused: failed("the request was lost", false),
        };
        let work = || self.inner.call(model, request, context, sink);
        self.process.call((&what, outer(true)), work, upsets).await
    }
}

/// The bus: whatever a process publishes is heard, and a repeat is known by its key.
pub(crate) struct WatchedBroker {
    pub(crate) heard: Arc<Heard>,
    pub(crate) process: Arc<Process>,
}

/// Every event that was published, by key.
#[derive(Debug, Default)]
pub(crate) struct Heard(std::sync::Mutex<std::collections::BTreeMap<String, String>>);

impl Heard {
    /// Returns the events as lines, each once per key.
    pub(crate) fn lines(&self) -> Vec<String> {
        let heard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        heard.values().cloned().collect()
    }
}

#[async_trait]
impl Broker for WatchedBroker {
    async fn publish(&self, subject: &str, key: IdempotencyKey, event: &str) -> Result<(), String> {
        let publish = || async {
            let line = format!("event {subject} {event}");
            let mut heard = self.heard.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            heard.insert(key.to_string(), line);
            Ok(())
        };
        let (lost, refused) = ("the answer was lost".to_owned(), "the bus is away".to_owned());
        let manner = Manner { bears: false, ..outer(true) };
        self.process.cross(("broker:publish", manner), publish, Upsets { lost, refused }).await
    }
}
