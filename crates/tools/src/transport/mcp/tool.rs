//! A server's tool behind the port of all tools.

use std::sync::Arc;

use async_trait::async_trait;
use mainstay_core::{
    digest::Digest,
    tool::{Tool, ToolCall, ToolFailure, ToolSpec},
};
use serde_json::Value;

use super::server::Server;

/// Whether a tool may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may, as long as its server's definition has this hash.
    Approved(Digest),
    /// Nobody has looked at it.
    Unapproved,
}

/// A server's tool.
pub(super) struct McpTool {
    server: Arc<Server>,
    /// The server's name for it.
    name: String,
    spec: ToolSpec,
    standing: Standing,
}

impl McpTool {
    pub(super) const fn new(
        server: Arc<Server>,
        name: String,
        spec: ToolSpec,
        standing: Standing,
    ) -> Self {
        Self { server, name, spec, standing }
    }
}

#[async_trait]
impl Tool for McpTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        match self.standing {
            Standing::Approved(hash) => self.server.call(&self.name, hash, &call).await,
            Standing::Unapproved => {
                Err(self.server.drifted(&self.name, "is new, and nobody has approved it"))
            }
        }
    }
}
