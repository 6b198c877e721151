//! The guard around every tool: what holds whoever calls and however the tool is reached.
//!
//! The engine checks arguments before policy and approval, and sets deadlines of its own. That the
//! guard checks again costs microseconds, and nobody can forget it: a command, a test or an agent
//! that takes a tool from the catalogue gets the same promises.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{
    FutureExt,
    future::{Either, select},
};
use mainstay_core::{
    code::Code,
    port::Clock,
    schema::SchemaCheck,
    tool::{
        Reconciled, Tool, ToolCall, ToolFailure, ToolSpec,
        gate::{accept, argument_errors},
    },
};
use serde_json::Value;

/// A tool behind its guard.
pub(crate) struct Guarded {
    spec: ToolSpec,
    tool: Arc<dyn Tool>,
    schema: Arc<dyn SchemaCheck>,
    clock: Arc<dyn Clock>,
}

impl Guarded {
    /// Puts a tool behind a guard that goes by `spec`.
    pub(crate) fn new(
        spec: ToolSpec,
        tool: Arc<dyn Tool>,
        schema: Arc<dyn SchemaCheck>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { spec, tool, schema, clock }
    }

    /// Returns how long an attempt may take: the tool's own limit or what the caller has left,
    /// whichever is less.
    fn time_left(&self, call: &ToolCall) -> Duration {
        self.spec.timeout.min(call.deadline.since(self.clock.now()))
    }

    fn check_arguments(&self, arguments: &Value) -> Result<(), ToolFailure> {
        match argument_errors(&*self.schema, &self.spec, arguments).first() {
            Some(error) => {
                let message = format!("the arguments do not fit {error}");
                Err(ToolFailure::refused(message).with_code(Code::ToolArguments))
            }
            None => Ok(()),
        }
    }

    /// Waits for a tool as long as it may take, and survives its panics. Dropping the future at the
    /// deadline is what cancels it.
    async fn within<T>(
        &self,
        span: Duration,
        answer: impl Future<Output = T> + Send,
    ) -> Result<T, ToolFailure> {
        let answer = AssertUnwindSafe(answer).catch_unwind().boxed();
        match select(answer, self.clock.sleep(span)).await {
            Either::Left((answer, _)) => answer.map_err(|panic| panicked(&*panic)),
            Either::Right(_) => Err(ToolFailure::timed_out(span)),
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> ToolFailure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ToolFailure::new(format!("the tool panicked: {}", text.unwrap_or("without a message")))
}

#[async_trait]
impl Tool for Guarded {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        self.check_arguments(&call.arguments)?;
        let span = self.time_left(&call);
        if span.is_zero() {
            return Err(ToolFailure::timed_out(span).without_effect());
        }
        let value = self.within(span, self.tool.call(call)).await??;
        accept(&*self.schema, &self.spec, value)
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        let span = self.time_left(&call);
        match self.within(span, self.tool.reconcile(call)).await {
            Ok(Reconciled::Happened(value)) => accept(&*self.schema, &self.spec, value)
                .map_or(Reconciled::Unknown, Reconciled::Happened),
            Ok(Reconciled::Absent) => Reconciled::Absent,
            Ok(Reconciled::Unknown) | Err(_) => Reconciled::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
