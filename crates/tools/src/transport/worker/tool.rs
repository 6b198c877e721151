//! A worker's tool behind the port of all tools.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mainstay_core::tool::{Tool, ToolCall, ToolFailure, ToolSpec};
use serde_json::Value;

use super::{Declared, Hub, Settings, calls::Work};

/// A tool that a worker in another process serves.
pub(super) struct RemoteTool {
    hub: Arc<Hub>,
    worker: String,
    tool: String,
    patience: Duration,
    spec: ToolSpec,
}

impl RemoteTool {
    /// Makes the tool of a declaration.
    pub(super) fn new(hub: Arc<Hub>, worker: &Settings, declared: &Declared) -> Self {
        Self {
            hub,
            worker: worker.name.clone(),
            tool: declared.offer.name.clone(),
            patience: worker.patience,
            spec: declared.spec.clone(),
        }
    }
}

#[async_trait]
impl Tool for RemoteTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let span = self.spec.timeout.min(call.deadline.since(self.hub.around.clock.now()));
        // Whoever waits past the deadline is told that the call may have acted. While nobody has
        // taken it, it has not: so the wait to be taken ends well before.
        let patience = self.patience.min(span / 2);
        let (worker, tool) = (self.worker.clone(), self.tool.clone());
        self.hub.carry_out(Work { worker, tool, call, span }, patience).await
    }
}
