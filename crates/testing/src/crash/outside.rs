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
    tool::{Reconciled, Tool, ToolCall, ToolCatalog, ToolFailure, ToolSpec},
};
use serde_json::Value;

use super::process::{Arrival, Process};

/// Journal rows read to find an intent.
const PAGE: u32 = 10_000;

pub(crate) struct WatchedTools {
    pub(crate) inner: Arc<dyn ToolCatalog>,
    pub(crate) process: Arc<Process>,
    /// The store as it is: to see what was durable when a call arrived.
    pub(crate) store: Arc<dyn Store>,
}

impl ToolCatalog for WatchedTools {
    fn get(&self, name: &str) -> Option<Arc<dyn Tool>> {
        let (process, store) = (self.process.clone(), self.store.clone());
        self.inner
            .get(name)
            .map(|inner| Arc::new(WatchedTool { inner, process, store }) as Arc<dyn Tool>)
    }

    fn specs(&self) -> Vec<ToolSpec> {
        self.inner.specs()
    }
}

struct WatchedTool {
    inner: Arc<dyn Tool>,
    process: Arc<Process>,
    store: Arc<dyn Store>,
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
        let what = format!("tool:{}", self.inner.spec().name);
        let work = async {
            self.note(&call).await;
            self.inner.call(call).await
        };
        // What a reset connection looks like: it may have acted, and another try may help.
        let lost = || ToolFailure::new("the answer was lost").retryable();
        self.process.call(&what, work, lost).await
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        let what = format!("reconcile:{}", self.inner.spec().name);
        let look = async { Ok::<_, ()>(self.inner.reconcile(call).await) };
        self.process.cross(&what, look, || ()).await.unwrap_or(Reconciled::Unknown)
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
        let lost = || ModelFailure::Unavailable {
            message: "the answer was lost".to_owned(),
            retry_after: None,
            started: true,
        };
        self.process.call(&what, self.inner.call(model, request, context, sink), lost).await
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
        let publish = async {
            let line = format!("event {subject} {event}");
            let mut heard = self.heard.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            heard.insert(key.to_string(), line);
            Ok(())
        };
        let lost = || "the answer was lost".to_owned();
        self.process.cross("broker:publish", publish, lost).await
    }
}
