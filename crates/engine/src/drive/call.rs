//! One call of a model, a tool or a closure: what it is, and how one attempt at it ends.

use std::{
    num::NonZeroU32,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use mainstay_core::{
    breaker::{Admission, BreakerPolicy},
    budget::{Reservation, Settlement},
    code::Code,
    effect::{EffectHead, EffectPosition, FailedAttempt},
    failure::{Failure, Retryability},
    id::RunId,
    model::{Candidate, Candidates, ModelReply, ModelRequest, Onward},
    payload::Payload,
    retry::RetryPolicy,
    time::Timestamp,
    tool::{EffectClass, InputGiven, TookEffect, Tool, ToolCall, ToolFailure},
};
use serde_json::Value;

use super::{allowance::Draw, exchange::Sent, input::Question, open::panicked};
use crate::{context::Request, gate, lease::Lease, runtime::Runtime};

/// What is called.
pub(super) enum Target {
    Model { candidates: Candidates, request: Box<ModelRequest> },
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
    /// What a person answered that its other side asked before.
    pub(super) input: Option<InputGiven>,
    /// What decided that it may be made.
    pub(super) about: Value,
    /// How long this attempt waits before it is sent.
    pub(super) delay: Duration,
    /// After how long without an answer it is sent once more; both worst cases are reserved then.
    pub(super) hedge_after: Option<Duration>,
    /// How the other of two calls ended, when it was sent once more.
    pub(super) beside: Option<Beside>,
}

/// The other of two calls.
pub(super) struct Beside {
    pub(super) attempt: u32,
    pub(super) failure: Failure,
    pub(super) charge: Charge,
}

/// What an attempt may have cost that brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charge {
    /// It was not sent.
    Nothing,
    /// It was sent and refused: a call, and nothing else.
    Call,
    /// Nobody knows: as much as it could have.
    Worst,
}

/// How one attempt ended.
pub(super) enum CallEnd {
    Reply(Box<ModelReply>),
    Value(Value),
    Failed {
        failure: Failure,
        took_effect: TookEffect,
        charge: Charge,
        onward: Onward,
    },
    /// The other side asks what only a person can answer.
    Asks(Box<Question>),
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

    /// Returns the model that this attempt asks.
    pub(super) fn candidate(&self) -> Option<&Candidate> {
        match &self.target {
            Target::Model { candidates, .. } => Some(candidates.at(self.attempt)),
            Target::Tool { .. } | Target::Once(_) => None,
        }
    }

    /// Returns the name that this attempt's breaker and limits go by.
    pub(super) fn gate(&self) -> Option<String> {
        match &self.target {
            Target::Model { candidates, .. } => {
                Some(gate::endpoint(&candidates.at(self.attempt).model))
            }
            Target::Tool { tool, .. } => Some(gate::tool(&tool.spec().name)),
            Target::Once(_) => None,
        }
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

    /// When its breaker opens.
    pub(super) fn breaker(&self) -> BreakerPolicy {
        match self {
            Self::Tool { tool, .. } => tool.spec().breaker.unwrap_or_default(),
            Self::Model { .. } | Self::Once(_) => BreakerPolicy::default(),
        }
    }

    pub(super) fn needs_intent(&self) -> bool {
        matches!(self, Self::Tool { tool, .. } if tool.spec().needs_intent())
    }

    /// After how long an attempt is sent once more; the second is the attempt after it.
    pub(super) fn hedge_after(&self, attempt: u32) -> Option<Duration> {
        match self {
            Self::Model { candidates, .. } if attempt < candidates.most_attempts() => {
                candidates.hedge_after()
            }
            Self::Model { .. } | Self::Tool { .. } | Self::Once(_) => None,
        }
    }

    /// How often and how patiently it is tried again; models go by their chain instead.
    pub(super) fn retry(&self) -> RetryPolicy {
        match self {
            Self::Tool { tool, .. } => tool.spec().retry,
            Self::Model { .. } | Self::Once(_) => RetryPolicy::never(),
        }
    }
}

impl CallEnd {
    /// The end of a call whose answer nobody wants any more.
    pub(super) fn unwanted(charge: Charge) -> Self {
        let failure = Failure::permanent(Code::Cancelled, "the run ends before the answer came");
        Self::Failed { failure, took_effect: TookEffect::No, charge, onward: Onward::Nobody }
    }

    /// The end of a call that nobody made.
    pub(super) fn unsent() -> Self {
        let failure = Failure::permanent(Code::Bug, "nothing was there to be sent");
        let (charge, onward) = (Charge::Nothing, Onward::Nobody);
        Self::Failed { failure, took_effect: TookEffect::No, charge, onward }
    }
}

impl Beside {
    /// The slower of two, whose answer nobody waits for.
    pub(super) fn slower(attempt: u32, charge: Charge) -> Self {
        let why = "another call of the same effect answered first";
        Self { attempt, failure: Failure::retryable(Code::ModelUnavailable, why), charge }
    }
}

/// What one attempt may know of where it stands.
pub(super) struct Attempt {
    pub(super) runtime: Arc<Runtime>,
    pub(super) run_id: RunId,
    pub(super) key: mainstay_core::effect::IdempotencyKey,
    pub(super) lease: Arc<Lease>,
    pub(super) deadline: Timestamp,
    pub(super) timeout: Duration,
    /// When it began, by the machine's own time.
    pub(super) began: Duration,
    pub(super) sent: Sent,
}

impl Call {
    /// Makes one attempt. What panics has failed, and may have acted.
    pub(super) async fn attempt(&mut self, at: &Attempt) -> CallEnd {
        if matches!(self.target, Target::Model { .. }) {
            return self.ask_model(at).await;
        }
        let work = AssertUnwindSafe(self.work(at)).catch_unwind();
        match tokio::time::timeout(at.timeout, work).await {
            Ok(Ok(end)) => end,
            Ok(Err(panic)) => CallEnd::Failed {
                failure: panicked(panic.as_ref()),
                took_effect: TookEffect::Unknown,
                charge: Charge::Worst,
                onward: Onward::Nobody,
            },
            Err(_) if self.waited_for_a_place(at) => no_place(at.timeout),
            Err(_) => timed_out(at.timeout),
        }
    }

    fn waited_for_a_place(&self, at: &Attempt) -> bool {
        matches!(self.target, Target::Tool { .. }) && !at.sent.first.load(Ordering::SeqCst)
    }

    async fn work(&mut self, at: &Attempt) -> CallEnd {
        let (run_id, position) = (at.run_id, self.position.clone());
        match &mut self.target {
            Target::Model { .. } => CallEnd::unsent(),
            Target::Tool { tool, arguments } => {
                let call = ToolCall {
                    arguments: arguments.clone(),
                    key: at.key,
                    attempt: self.attempt,
                    deadline: at.deadline,
                    run_id,
                    position,
                    input: self.input.clone(),
                };
                let spec = tool.spec();
                let most = spec.concurrency.map(NonZeroU32::get);
                let _place = at.runtime.gates.seat(&gate::tool(&spec.name), most).await;
                at.sent.first.store(true, Ordering::SeqCst);
                tool_end(tool.call(call).await)
            }
            Target::Once(work) => match work.take() {
                Some(work) => once_end(work.await),
                None => timed_out(Duration::ZERO),
            },
        }
    }
}

fn tool_end(result: Result<Value, ToolFailure>) -> CallEnd {
    match result {
        Ok(value) => CallEnd::Value(value),
        Err(ToolFailure { wants: Some(wanted), took_effect, code, message, retry, .. }) => {
            let failure = Failure { code, message, retry, retry_after: None };
            CallEnd::Asks(Box::new(Question { wanted, took_effect, failure }))
        }
        Err(failure) => CallEnd::Failed {
            took_effect: failure.took_effect,
            charge: Charge::Call,
            onward: Onward::Nobody,
            failure: failure.into_failure(),
        },
    }
}

fn once_end(result: Result<Value, Failure>) -> CallEnd {
    match result {
        Ok(value) => CallEnd::Value(value),
        Err(failure) => CallEnd::Failed {
            failure,
            took_effect: TookEffect::No,
            charge: Charge::Call,
            onward: Onward::Nobody,
        },
    }
}

/// The end of a call that found no place among those under way: it was not sent.
fn no_place(after: Duration) -> CallEnd {
    let why = format!("too many calls were under way for {after:?}");
    CallEnd::Failed {
        failure: Failure::retryable(Code::ToolUnavailable, why),
        took_effect: TookEffect::No,
        charge: Charge::Nothing,
        onward: Onward::Nobody,
    }
}

fn timed_out(after: Duration) -> CallEnd {
    CallEnd::Failed {
        failure: Failure::retryable(Code::ToolTimedOut, format!("no answer within {after:?}")),
        took_effect: TookEffect::Unknown,
        charge: Charge::Worst,
        onward: Onward::Nobody,
    }
}
