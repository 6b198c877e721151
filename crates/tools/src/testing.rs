//! What the tests of this crate share: a clock, a call, a tool that does as it is told.

pub(crate) mod server;
pub(crate) mod transport;

use std::{pin::Pin, time::Duration};

use async_trait::async_trait;
use mainstay_core::{
    digest::Digest,
    id::RunId,
    port::Clock,
    time::Timestamp,
    tool::{Reconciled, Tool, ToolCall, ToolFailure, ToolSpec},
};
use serde_json::Value;

/// Tokio's clock, which a test may pause.
pub(crate) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn boot(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// Makes a call with a minute to go.
pub(crate) fn call(arguments: Value) -> ToolCall {
    let position: mainstay_core::effect::EffectPosition = "pay#1:0".parse().unwrap();
    ToolCall {
        arguments,
        key: position.key(Digest::of(b"root")),
        attempt: 1,
        deadline: Timestamp::from_millis(60_000),
        run_id: RunId::new(Timestamp::from_millis(1), [0; 10]),
        position,
        input: None,
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Value, ToolFailure>> + Send>>;

/// A tool that does what a test wants, however bad.
pub(crate) struct Tampered {
    spec: ToolSpec,
    answer: Box<dyn Fn(ToolCall) -> Answer + Send + Sync>,
}

impl Tampered {
    /// Answers at once.
    pub(crate) fn new(
        spec: ToolSpec,
        answer: impl Fn(ToolCall) -> Result<Value, ToolFailure> + Send + Sync + 'static,
    ) -> Self {
        Self::slow(spec, move |call| Box::pin(std::future::ready(answer(call))))
    }

    /// Answers when its future does.
    pub(crate) fn slow(
        spec: ToolSpec,
        answer: impl Fn(ToolCall) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self { spec, answer: Box::new(answer) }
    }
}

#[async_trait]
impl Tool for Tampered {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        (self.answer)(call).await
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        (self.answer)(call).await.map_or(Reconciled::Absent, Reconciled::Happened)
    }
}
