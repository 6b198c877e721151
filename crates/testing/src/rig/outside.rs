//! The world outside, as a test sees it: what was done there, and whether something happened.

use async_trait::async_trait;
use mainstay_core::id::RunId;
use serde_json::Value;

/// An action of which the engine does not know whether it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Doubt {
    /// The run.
    pub run_id: RunId,
    /// The tool.
    pub tool: String,
    /// What it was called with.
    pub arguments: Value,
    /// The key every attempt carried.
    pub key: String,
}

/// What the tools of a test act upon. It outlives every crash of a worker.
#[async_trait]
pub trait Outside: Send + Sync {
    /// Returns everything that was done, one line an action, in words that do not depend on when
    /// or under which key. An action that was done twice stands there twice.
    async fn done(&self) -> Vec<String>;

    /// Looks whether an action happened, and returns what it gave back. This is what a person does
    /// who is asked about an action in doubt.
    async fn find(&self, doubt: &Doubt) -> Option<Value>;
}

/// The world of flows that act on nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

#[async_trait]
impl Outside for Nothing {
    async fn done(&self) -> Vec<String> {
        Vec::new()
    }

    async fn find(&self, _: &Doubt) -> Option<Value> {
        None
    }
}
