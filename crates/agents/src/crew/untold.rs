//! Effects of which an agent is not told what tools there are.

use std::sync::Arc;

use mainstay_core::{
    effects::{Asked, Effects, Opened, Scope},
    failure::Failure,
    model::{ModelReply, ModelRequest},
    review::{Review, ReviewOutcome},
    schema::SchemaCheck,
    tool::{ToolOutcome, ToolSpec},
};
use serde_json::Value;

/// The same effects, without a list of tools.
///
/// A manager bounds what its crew may call, so the tools are granted to it; but it is to have the
/// work done, and is offered none of them. An agent can call only what it is offered.
pub(super) struct Untold(Arc<dyn Effects>);

impl Untold {
    pub(super) fn new(effects: Arc<dyn Effects>) -> Self {
        Self(effects)
    }
}

impl Effects for Untold {
    fn model(&self, request: ModelRequest) -> Asked<'static, Result<ModelReply, Failure>> {
        self.0.model(request)
    }

    fn tool(&self, name: &str, arguments: Value) -> Asked<'static, ToolOutcome> {
        self.0.tool(name, arguments)
    }

    fn review(&self, review: Review) -> Asked<'static, Result<ReviewOutcome, Failure>> {
        self.0.review(review)
    }

    fn random(&self) -> Asked<'static, u64> {
        self.0.random()
    }

    fn open(&self, scope: Scope, pinned: Value) -> Asked<'static, Result<Opened, Failure>> {
        self.0.open(scope, pinned)
    }

    fn arms(&self, count: u32) -> Vec<Arc<dyn Effects>> {
        self.0.arms(count)
    }

    fn tools(&self) -> Vec<ToolSpec> {
        Vec::new()
    }

    fn schema(&self) -> Arc<dyn SchemaCheck> {
        self.0.schema()
    }
}
