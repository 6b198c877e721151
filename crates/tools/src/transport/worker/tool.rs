//! A worker's tool, or its step, behind the port of all tools.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mainstay_core::{
    remote::Kind,
    tool::{Tool, ToolCall, ToolFailure, ToolSpec},
};
use serde_json::Value;

use super::{Declared, Hub, Settings, calls::Work};

/// What a worker in another process serves.
pub(super) struct RemoteTool {
    hub: Arc<Hub>,
    worker: String,
    kind: Kind,
    name: String,
    patience: Duration,
    spec: ToolSpec,
}

impl RemoteTool {
    /// Makes what is called by a declaration.
    pub(super) fn new(hub: Arc<Hub>, worker: &Settings, declared: &Declared) -> Self {
        Self {
            hub,
            worker: worker.name.clone(),
            kind: declared.offer.kind,
            name: declared.offer.name.clone(),
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
        let (worker, kind, name) = (self.worker.clone(), self.kind, self.name.clone());
        self.hub.carry_out(Work { worker, kind, name, call, span }, patience).await
    }
}
