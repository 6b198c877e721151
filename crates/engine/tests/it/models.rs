//! Models that count who asks them, and models whose usage is drawn at random.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use mainstay_core::model::{
    CallContext, FinishReason, ModelFailure, ModelId, ModelReply, ModelRequest, Price, Provider,
    StreamSink, Usage,
};
use mainstay_providers::scripted::{Script, Scripted};

/// A scripted model that counts the calls that reach it; its nth may never be answered.
pub(crate) struct Counted {
    inner: Scripted,
    asked: Arc<AtomicUsize>,
    hangs_at: Option<usize>,
}

impl Counted {
    pub(crate) fn new(script: &str, asked: Arc<AtomicUsize>) -> Arc<Self> {
        let script = Script::parse("test.yaml", script).unwrap();
        Arc::new(Self { inner: Scripted::new().with_script(script), asked, hangs_at: None })
    }

    pub(crate) fn hanging_at(script: &str, nth: Option<usize>) -> Arc<Self> {
        let script = Script::parse("test.yaml", script).unwrap();
        let inner = Scripted::new().with_script(script);
        Arc::new(Self { inner, asked: Arc::default(), hangs_at: nth })
    }

    /// Returns how often it was asked.
    pub(crate) fn count(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until it was asked so often.
    pub(crate) async fn asked(&self, times: usize) {
        while self.count() < times {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

#[async_trait]
impl Provider for Counted {
    fn name(&self) -> &str {
        self.inner.name()
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
        let nth = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        if Some(nth) == self.hangs_at {
            std::future::pending::<()>().await;
        }
        self.inner.call(model, request, context, sink).await
    }
}

/// Uses anything up to what it was asked for, as the effect's key says; served as `dice:any`.
pub(crate) struct Dice;

impl Dice {
    /// What every request counts as, at most.
    pub(crate) const INPUT: u64 = 40;
}

#[async_trait]
impl Provider for Dice {
    fn name(&self) -> &str {
        "dice"
    }

    fn count_input(&self, _: &ModelId, _: &ModelRequest) -> u64 {
        Self::INPUT
    }

    fn price(&self, _: &ModelId) -> Option<Price> {
        let (input_per_million, output_per_million) = (3_000_000, 15_000_000);
        Some(Price { input_per_million, cached_input_per_million: None, output_per_million })
    }

    async fn call(
        &self,
        model: &ModelId,
        request: &ModelRequest,
        context: &CallContext,
        _: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure> {
        let digits = |from| u64::from_str_radix(&context.idempotency_key[from..from + 8], 16);
        let (one, two) = (digits(0).unwrap_or(0), digits(8).unwrap_or(0));
        tokio::task::yield_now().await;
        if one.is_multiple_of(7) && context.attempt == 1 {
            return Err(ModelFailure::Truncated);
        }
        let output = two % (u64::from(request.max_output_tokens) + 1);
        Ok(ModelReply {
            model: model.to_string(),
            text: "x".to_owned(),
            tool_calls: Vec::new(),
            reasoning: None,
            json: None,
            usage: Usage::reported(one % (Self::INPUT + 1), output),
            finish: FinishReason::Stop,
            cost: None,
        })
    }
}
