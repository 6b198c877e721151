//! One call of a model, a tool or a closure: what it is, and how one attempt at it ends.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use mainstay_core::{
    breaker::Admission,
    budget::{Reservation, Settlement},
    code::Code,
    effect::{EffectHead, EffectPosition, FailedAttempt},
    failure::{Failure, Retryability},
    id::RunId,
    model::{
        CallContext, ModelFailure, ModelId, ModelReply, ModelRequest, Provider, StreamEvent,
        StreamSink,
    },
    payload::Payload,
    retry::RetryPolicy,
    time::Timestamp,
    tool::{EffectClass, TookEffect, Tool, ToolCall, ToolFailure},
};
use serde_json::Value;

use super::{allowance::Draw, open::panicked};
use crate::{
    context::Request,
    live::{Live, LiveEvent},
    runtime::Runtime,
};

/// What is called.
pub(super) enum Target {
    Model { id: ModelId, provider: Arc<dyn Provider>, request: Box<ModelRequest> },
    Tool { tool: Arc<dyn Tool>, arguments: Value },
    Once(Option<BoxFuture<'static, Result<Value, Failure>>>),
}

/// An effect on its way out, and everything that has happened to it so far.
pub(super) struct Call {
    pub(super) position: EffectPosition,
    pub(super) head: EffectHead,
    pub(super) seen: u32,
    pub(super) arguments: Payload,
    pub(super) target: Target,
    pub(super) attempt: u32,
    pub(super) failed: Vec<FailedAttempt>,
    /// Whether an earlier attempt may have acted: that a later one did not is then no answer.
    pub(super) unsure: bool,
    pub(super) spend: Settlement,
    pub(super) reservation: Option<Reservation>,
    /// What it holds of shared caps.
    pub(super) draws: Vec<Draw>,
    pub(super) admission: Option<Admission>,
    pub(super) started_at: Timestamp,
    /// How long this attempt waits before it is sent.
    pub(super) delay: Duration,
}

/// How one attempt ended.
pub(super) enum CallEnd {
    Reply(Box<ModelReply>),
    Value(Value),
    Failed { failure: Failure, took_effect: TookEffect, may_have_cost: bool },
}

impl Call {
    /// Returns the request it came from and what it calls.
    pub(super) fn into_request(self) -> (Request, Target) {
        let request = Request {
            position: self.position,
            head: self.head,
            seen: self.seen,
            arguments: self.arguments,
        };
        (request, self.target)
    }

    /// Returns whether any attempt may have acted, the last one having ended like this. Who knows
    /// the key and refuses it for good speaks of all of them; who could not be reached of none.
    pub(super) fn took_effect(&self, last: TookEffect, failure: &Failure) -> TookEffect {
        let knows_the_key = matches!(self.target.class(), EffectClass::Idempotent { .. });
        let refused = knows_the_key && failure.retry == Retryability::Permanent;
        if self.unsure && !refused { TookEffect::Unknown } else { last }
    }
}

impl Target {
    pub(super) fn class(&self) -> EffectClass {
        match self {
            Self::Model { .. } | Self::Once(_) => EffectClass::Read,
            Self::Tool { tool, .. } => tool.spec().effect,
        }
    }

    pub(super) fn needs_intent(&self) -> bool {
        matches!(self, Self::Tool { tool, .. } if tool.spec().needs_intent())
    }

    /// The name its breaker and rate limit go by.
    pub(super) fn gate(&self) -> Option<String> {
        match self {
            Self::Model { id, .. } => Some(format!("model:{id}")),
            Self::Tool { tool, .. } => Some(format!("tool:{}", tool.spec().name)),
            Self::Once(_) => None,
        }
    }

    pub(super) fn retry(&self) -> RetryPolicy {
        match self {
            Self::Model { .. } => RetryPolicy::default(),
            Self::Tool { tool, .. } => tool.spec().retry,
            Self::Once(_) => RetryPolicy::never(),
        }
    }
}

impl CallEnd {
    /// The end of a call whose answer nobody wants any more.
    pub(super) fn unwanted() -> Self {
        let failure = Failure::permanent(Code::Cancelled, "the run ends before the answer came");
        Self::Failed { failure, took_effect: TookEffect::No, may_have_cost: true }
    }
}

/// What one attempt may know of where it stands.
pub(super) struct Attempt {
    pub(super) runtime: Arc<Runtime>,
    pub(super) run_id: RunId,
    pub(super) key: mainstay_core::effect::IdempotencyKey,
    pub(super) deadline: Timestamp,
    pub(super) timeout: Duration,
}

impl Call {
    /// Makes one attempt. What panics has failed, and may have acted.
    pub(super) async fn attempt(&mut self, at: &Attempt) -> CallEnd {
        let work = AssertUnwindSafe(self.work(at)).catch_unwind();
        match tokio::time::timeout(at.timeout, work).await {
            Ok(Ok(end)) => end,
            Ok(Err(panic)) => CallEnd::Failed {
                failure: panicked(panic.as_ref()),
                took_effect: TookEffect::Unknown,
                may_have_cost: true,
            },
            Err(_) => timed_out(at.timeout),
        }
    }

    async fn work(&mut self, at: &Attempt) -> CallEnd {
        let (run_id, position) = (at.run_id, self.position.clone());
        match &mut self.target {
            Target::Model { id, provider, request } => {
                let sink = LiveSink { live: at.runtime.live.clone(), run_id, position };
                let context = CallContext::new(at.key.to_string(), at.runtime.clock.clone())
                    .with_attempt(self.attempt)
                    .with_deadline(at.timeout);
                model_end(provider.call(id, request, &context, &sink).await)
            }
            Target::Tool { tool, arguments } => {
                let (arguments, attempt) = (arguments.clone(), self.attempt);
                let (key, deadline) = (at.key, at.deadline);
                let call = ToolCall { arguments, key, attempt, deadline, run_id, position };
                tool_end(tool.call(call).await)
            }
            Target::Once(work) => match work.take() {
                Some(work) => once_end(work.await),
                None => timed_out(Duration::ZERO),
            },
        }
    }
}

struct LiveSink {
    live: Live,
    run_id: RunId,
    position: EffectPosition,
}

impl StreamSink for LiveSink {
    fn event(&self, event: StreamEvent) {
        if self.live.is_heard() {
            let (run_id, position) = (self.run_id, self.position.clone());
            self.live.tell(LiveEvent::Stream { run_id, position, event });
        }
    }
}

fn model_end(result: Result<ModelReply, ModelFailure>) -> CallEnd {
    match result {
        Ok(reply) => CallEnd::Reply(Box::new(reply)),
        Err(failure) => CallEnd::Failed {
            took_effect: TookEffect::No,
            may_have_cost: failure.may_have_cost(),
            failure: Failure {
                code: failure.code(),
                message: failure.to_string(),
                retry: if failure.is_retryable() {
                    Retryability::Retryable
                } else {
                    Retryability::Permanent
                },
                retry_after: failure.retry_after(),
            },
        },
    }
}

fn tool_end(result: Result<Value, ToolFailure>) -> CallEnd {
    match result {
        Ok(value) => CallEnd::Value(value),
        Err(failure) => CallEnd::Failed {
            took_effect: failure.took_effect,
            may_have_cost: false,
            failure: failure.into_failure(),
        },
    }
}

fn once_end(result: Result<Value, Failure>) -> CallEnd {
    match result {
        Ok(value) => CallEnd::Value(value),
        Err(failure) => {
            CallEnd::Failed { failure, took_effect: TookEffect::No, may_have_cost: false }
        }
    }
}

fn timed_out(after: Duration) -> CallEnd {
    CallEnd::Failed {
        failure: Failure::retryable(Code::ToolTimedOut, format!("no answer within {after:?}")),
        took_effect: TookEffect::Unknown,
        may_have_cost: true,
    }
}
