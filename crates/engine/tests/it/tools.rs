//! Tools that do as a test says and remember what was asked of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use mainstay_core::tool::{
    EffectClass, KeyValidity, Reconciled, Reversibility, Tool, ToolCall, ToolCatalog, ToolFailure,
    ToolSpec,
};
use serde_json::{Value, json};

use crate::rig::PATIENCE;

pub(crate) const FOREVER: EffectClass =
    EffectClass::Idempotent { key_valid_for: KeyValidity::Forever };

/// Tools by name.
#[derive(Default)]
pub(crate) struct Shelf(BTreeMap<String, Arc<dyn Tool>>);

impl Shelf {
    pub(crate) fn add(&mut self, tool: Arc<dyn Tool>) {
        self.0.insert(tool.spec().name.clone(), tool);
    }
}

impl ToolCatalog for Shelf {
    fn get(&self, name: &str) -> Option<Arc<dyn Tool>> {
        self.0.get(name).cloned()
    }

    fn specs(&self) -> Vec<ToolSpec> {
        self.0.values().map(|tool| tool.spec().clone()).collect()
    }
}

type Answer = BoxFuture<'static, Result<Value, ToolFailure>>;

/// A tool whose every call is counted.
pub(crate) struct Probe {
    spec: ToolSpec,
    calls: Mutex<Vec<ToolCall>>,
    answer: Box<dyn Fn(ToolCall) -> Answer + Send + Sync>,
    there: Mutex<Reconciled>,
    looks: Mutex<Vec<ToolCall>>,
}

impl Probe {
    /// Answers with what the closure returns for the nth call, from 1.
    pub(crate) fn new<F>(
        name: &str,
        effect: EffectClass,
        answer: impl Fn(ToolCall, usize) -> F + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<Value, ToolFailure>> + Send + 'static,
    {
        Self::of(spec(name, effect), answer)
    }

    pub(crate) fn of<F>(
        spec: ToolSpec,
        answer: impl Fn(ToolCall, usize) -> F + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<Value, ToolFailure>> + Send + 'static,
    {
        let count = Mutex::new(0);
        let answer = move |call| -> Answer {
            let mut count = count.lock().unwrap();
            *count += 1;
            Box::pin(answer(call, *count))
        };
        let (calls, looks) = (Mutex::default(), Mutex::default());
        let there = Mutex::new(Reconciled::Unknown);
        Arc::new(Self { spec, calls, answer: Box::new(answer), there, looks })
    }

    /// Answers at once, always the same.
    pub(crate) fn fixed(name: &str, effect: EffectClass, value: Value) -> Arc<Self> {
        Self::new(name, effect, move |_, _| std::future::ready(Ok(value.clone())))
    }

    /// Fails each call as told, in this order, and answers every later one.
    pub(crate) fn failing(name: &str, effect: EffectClass, failures: &[ToolFailure]) -> Arc<Self> {
        let failures = failures.to_vec();
        Self::new(name, effect, move |_, nth| {
            let failure = failures.get(nth - 1).cloned();
            std::future::ready(failure.map_or_else(|| Ok(json!("done")), Err))
        })
    }

    /// Answers its first call never, and every other at once.
    pub(crate) fn hanging_once(name: &str, effect: EffectClass, value: Value) -> Arc<Self> {
        Self::new(name, effect, move |_, nth| {
            let value = value.clone();
            async move {
                if nth == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(value)
            }
        })
    }

    /// Sets what a look at the other side finds from now on.
    pub(crate) fn is_there(&self, found: Reconciled) {
        *self.there.lock().unwrap() = found;
    }

    /// Returns the keys by which the other side was looked at, in order.
    pub(crate) fn looks(&self) -> Vec<String> {
        self.looks.lock().unwrap().iter().map(|call| call.key.to_string()).collect()
    }

    /// Returns every call, in order.
    pub(crate) fn calls(&self) -> Vec<ToolCall> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    /// Returns the idempotency keys of all calls, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|call| call.key.to_string()).collect()
    }

    /// Returns the arguments of all calls, in order.
    pub(crate) fn arguments(&self) -> Vec<Value> {
        self.calls.lock().unwrap().iter().map(|call| call.arguments.clone()).collect()
    }

    /// Waits until it was called so often.
    pub(crate) async fn called(&self, times: usize) {
        let look = async {
            while self.count() < times {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("the tool is called");
    }
}

#[async_trait]
impl Tool for Probe {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        self.calls.lock().unwrap().push(call.clone());
        (self.answer)(call).await
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        self.looks.lock().unwrap().push(call);
        self.there.lock().unwrap().clone()
    }
}

pub(crate) fn spec(name: &str, effect: EffectClass) -> ToolSpec {
    let schema = json!({"type": "object"});
    ToolSpec::new(name, schema).with_effect(effect).with_reversibility(Reversibility::Reversible)
}
