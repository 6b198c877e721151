//! A step's effects as agents, crews and jobs see them.

use std::sync::Arc;

use mainstay_core::{
    budget::Limits,
    effect::{Branch, EffectKind},
    effects::{Asked, Effects, Opened, Scope},
    failure::Failure,
    model::{ModelReply, ModelRequest},
    review::{Review, ReviewOutcome},
    schema::SchemaCheck,
    tool::{ToolOutcome, ToolSpec},
};
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Ask, Callee, Effect, StepContext, cell::Ends, read};

/// What the journal keeps of an opening.
#[derive(Deserialize)]
struct Recorded {
    pinned: Value,
    left: Limits,
}

impl StepContext {
    fn opened(&self, position: Branch, scope: &Scope) -> Self {
        let mut inside = self.in_branch([self.branch.as_slice(), &[position]].concat());
        if let Some(grants) = &scope.grants {
            inside.grants = inside.grants.narrowed_by(grants);
        }
        inside
    }

    fn call_tool(&self, name: &str, arguments: Value) -> Effect<ToolOutcome> {
        let (tool, name) = (name.to_owned(), name.to_owned());
        let ask = Ask::Call(Callee::Tool { name: name.clone(), arguments: arguments.clone() });
        self.ask(EffectKind::Tool, name, &arguments, ask, move |answer| answer.into_outcome(&tool))
    }

    fn open_scope(&self, scope: Scope, pinned: Value) -> Effect<Result<Opened, Failure>> {
        let ordinal = self.cell.lock().peek_position(&self.branch).ordinal;
        let inside = self.opened(Branch { ordinal, arm: 0 }, &scope);
        let name = format!("{} {}", scope.kind.word(), scope.name);
        let decode = move |answer: Answer| {
            let Recorded { pinned, left } = answer.completed().and_then(read)?;
            Ok(Opened { pinned, left, effects: Arc::new(inside) })
        };
        // Neither limits nor what is pinned are held against the journal: those recorded there hold.
        self.ask(EffectKind::Scope, name, &Value::Null, Ask::Open { scope, pinned }, decode)
    }
}

impl Effects for StepContext {
    fn model(&self, request: ModelRequest) -> Asked<'static, Result<ModelReply, Failure>> {
        Box::pin(self.model(request))
    }

    fn tool(&self, name: &str, arguments: Value) -> Asked<'static, ToolOutcome> {
        Box::pin(self.call_tool(name, arguments))
    }

    fn review(&self, review: Review) -> Asked<'static, Result<ReviewOutcome, Failure>> {
        Box::pin(self.review(review))
    }

    fn random(&self) -> Asked<'static, u64> {
        Box::pin(self.random())
    }

    fn open(&self, scope: Scope, pinned: Value) -> Asked<'static, Result<Opened, Failure>> {
        Box::pin(self.open_scope(scope, pinned))
    }

    fn arms(&self, count: u32) -> Vec<Arc<dyn Effects>> {
        let arm = self.arms(Ends::WithAllArms);
        (0..count).map(|n| Arc::new(arm(n)) as Arc<dyn Effects>).collect()
    }

    fn tools(&self) -> Vec<ToolSpec> {
        let granted = |spec: &ToolSpec| !spec.is_step() && self.grants.allow(&spec.name);
        self.place.tools.specs().into_iter().filter(granted).collect()
    }

    fn schema(&self) -> Arc<dyn SchemaCheck> {
        self.place.schema.clone()
    }
}
