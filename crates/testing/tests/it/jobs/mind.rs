//! Models that answer as a closure says.

use std::sync::Arc;

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::model::{
    CallContext, ModelFailure, ModelId, Price, Provider, StreamSink, ToolCall, Usage,
};
use serde_json::json;

/// The model that every task here asks.
pub(super) const MODEL: &str = "mind:m";

/// A provider with one model, free of charge.
struct Mind<F>(F);

/// Makes a provider of what its model answers: text, and calls of tools.
pub(super) fn mind<F>(answer: F) -> Arc<dyn Provider>
where
    F: Fn(&ModelRequest) -> (String, Vec<ToolCall>) + Send + Sync + 'static,
{
    Arc::new(Mind(answer))
}

#[async_trait]
impl<F> Provider for Mind<F>
where
    F: Fn(&ModelRequest) -> (String, Vec<ToolCall>) + Send + Sync,
{
    fn name(&self) -> &str {
        "mind"
    }

    fn count_input(&self, _: &ModelId, _: &ModelRequest) -> u64 {
        10
    }

    fn price(&self, _: &ModelId) -> Option<Price> {
        Some(Price::FREE)
    }

    async fn call(
        &self,
        _: &ModelId,
        request: &ModelRequest,
        _: &CallContext,
        _: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure> {
        let (text, tool_calls) = (self.0)(request);
        let usage = Usage::reported(10, 10);
        let reply = json!({"model": "m", "text": text, "usage": usage, "finish": "stop"});
        let reply: ModelReply = serde_json::from_value(reply).unwrap();
        Ok(ModelReply { tool_calls, ..reply })
    }
}
