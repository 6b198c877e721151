//! One attempt at a model: a place at its endpoint, the call, and, where a tier wants that, the same
//! call once more when the first one is slow.
//!
//! The second call is an attempt of its own with the next number. Both worst cases were reserved
//! before the first was sent; whichever brings the first whole answer wins, and what the other may
//! have cost counts as spent.

use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{Either, select},
};
use mainstay_core::{
    breaker::{Admission, BreakerPolicy, Health},
    code::Code,
    effect::EffectPosition,
    failure::{Failure, Retryability},
    id::RunId,
    model::{
        CallContext, Candidates, ModelFailure, ModelId, ModelReply, ModelRequest, Onward, Silent,
        StreamEvent, StreamSink,
    },
    tool::TookEffect,
};

use super::{
    call::{Attempt, Beside, Call, CallEnd, Charge, Target},
    open::panicked,
};
use crate::{
    gate,
    live::{Live, LiveEvent},
};

/// Whether each of the two calls of an attempt has left: what has not left costs nothing. A tool is
/// called once.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) first: AtomicBool,
    second: AtomicBool,
}

fn if_sent(sent: &AtomicBool) -> Charge {
    if sent.load(Ordering::SeqCst) { Charge::Worst } else { Charge::Nothing }
}

/// The second call, on its way out.
struct Second {
    attempt: u32,
    admission: Admission,
}

/// How one or two calls of an attempt ended; of two, one may not have.
enum Asked {
    Once(CallEnd),
    Twice(Second, Option<CallEnd>, Option<CallEnd>),
}

impl Call {
    /// Asks the attempt's model, and another or the same once more if it may and the first is slow.
    pub(super) async fn ask_model(&mut self, at: &Attempt) -> CallEnd {
        let Target::Model { candidates, request } = &self.target else { return CallEnd::unsent() };
        let sink = LiveSink::of(at, &self.position);
        let line = Line { at, candidates, request };
        match line.ask_once_or_twice(self.attempt, self.hedge_after, &sink).await {
            Asked::Once(end) => end,
            Asked::Twice(second, one, two) => self.decide(at, second, (one, two)),
        }
    }

    /// Says which of two calls was the answer. Without one for either, the second is the last.
    fn decide(
        &mut self,
        at: &Attempt,
        second: Second,
        (one, two): (Option<CallEnd>, Option<CallEnd>),
    ) -> CallEnd {
        let first = self.attempt;
        match (one, two) {
            (Some(end), None) => {
                self.beside = Some(Beside::slower(second.attempt, if_sent(&at.sent.second)));
                end
            }
            (None, Some(end)) => {
                self.beside = Some(Beside::slower(first, if_sent(&at.sent.first)));
                self.stand_for(second);
                end
            }
            (Some(one), Some(two)) => self.both_ended(at, second, one, two),
            (None, None) => CallEnd::unsent(),
        }
    }

    /// One of them failed before the other ended.
    fn both_ended(&mut self, at: &Attempt, second: Second, one: CallEnd, two: CallEnd) -> CallEnd {
        match (one, two) {
            (CallEnd::Failed { failure, charge, .. }, two) => {
                self.report_now(at, &failure);
                self.beside = Some(Beside { attempt: self.attempt, failure, charge });
                self.stand_for(second);
                two
            }
            (one, CallEnd::Failed { failure, charge, .. }) => {
                self.beside = Some(Beside { attempt: second.attempt, failure, charge });
                one
            }
            (one, CallEnd::Reply(_) | CallEnd::Value(_) | CallEnd::Asks(_)) => {
                self.beside = Some(Beside::slower(second.attempt, Charge::Worst));
                one
            }
        }
    }

    /// From here on the call is its second attempt.
    fn stand_for(&mut self, second: Second) {
        self.attempt = second.attempt;
        self.admission = Some(second.admission);
    }

    fn report_now(&mut self, at: &Attempt, failure: &Failure) {
        if let (Some(admission), Some(gate)) = (self.admission.take(), self.gate())
            && failure.retry == Retryability::Retryable
        {
            at.runtime.gates.report(&gate, admission, Health::Ill, at.runtime.clock.now());
        }
    }

    /// Says what a call costs that was dropped under way.
    pub(super) fn dropped(&mut self, at: &Attempt) -> CallEnd {
        let is_model = matches!(self.target, Target::Model { .. });
        if at.sent.second.load(Ordering::SeqCst) {
            self.beside = Some(Beside::slower(self.attempt + 1, Charge::Worst));
        }
        CallEnd::unwanted(if is_model { if_sent(&at.sent.first) } else { Charge::Worst })
    }
}

/// Waits for the first whole answer, or for both to fail.
async fn both(
    first: impl Future<Output = CallEnd> + Unpin,
    second: impl Future<Output = CallEnd> + Unpin,
) -> (Option<CallEnd>, Option<CallEnd>) {
    match select(first, second).await {
        Either::Left((end @ CallEnd::Failed { .. }, second)) => (Some(end), Some(second.await)),
        Either::Left((end, _)) => (Some(end), None),
        Either::Right((end @ CallEnd::Failed { .. }, first)) => (Some(first.await), Some(end)),
        Either::Right((end, _)) => (None, Some(end)),
    }
}

/// What both calls of an attempt share.
struct Line<'a> {
    at: &'a Attempt,
    candidates: &'a Candidates,
    request: &'a ModelRequest,
}

impl Line<'_> {
    async fn ask_once_or_twice(
        &self,
        attempt: u32,
        hedge_after: Option<Duration>,
        sink: &LiveSink,
    ) -> Asked {
        let mut first = pin!(self.ask(attempt, sink, &self.at.sent.first));
        let Some(hedge_after) = hedge_after else { return Asked::Once(first.await) };
        let patience = self.at.runtime.clock.sleep(hedge_after);
        if let Either::Left((end, _)) = select(first.as_mut(), patience).await {
            return Asked::Once(end);
        }
        let Some(second) = self.second(attempt + 1) else { return Asked::Once(first.await) };
        let later = pin!(self.ask(second.attempt, &Silent, &self.at.sent.second));
        let (one, two) = both(first, later).await;
        Asked::Twice(second, one, two)
    }

    /// Lets a second call out, unless the breaker or the budget of repeats forbids it.
    fn second(&self, attempt: u32) -> Option<Second> {
        let runtime = &self.at.runtime;
        let gate = gate::endpoint(&self.candidates.at(attempt).model);
        if !runtime.gates.attempt(&gate, 2) {
            return None;
        }
        let admission =
            runtime.gates.admit(&gate, BreakerPolicy::default(), runtime.clock.now()).ok()?;
        Some(Second { attempt, admission })
    }

    /// Makes one call within its time: the wait for a place counts. What panics has failed.
    async fn ask(&self, attempt: u32, sink: &dyn StreamSink, sent: &AtomicBool) -> CallEnd {
        let runtime = &self.at.runtime;
        let left =
            self.at.timeout.saturating_sub(runtime.clock.boot().saturating_sub(self.at.began));
        let work = AssertUnwindSafe(self.call(attempt, sink, sent)).catch_unwind();
        match tokio::time::timeout(left, work).await {
            Ok(Ok(result)) => end_of(result),
            Ok(Err(panic)) => CallEnd::Failed {
                failure: panicked(panic.as_ref()),
                took_effect: TookEffect::No,
                charge: if_sent(sent),
                onward: Onward::Others,
            },
            Err(_) => {
                let failure = self.late(attempt, sent.load(Ordering::SeqCst));
                let onward = Onward::Anyone;
                CallEnd::Failed {
                    failure,
                    took_effect: TookEffect::No,
                    charge: if_sent(sent),
                    onward,
                }
            }
        }
    }

    fn late(&self, attempt: u32, sent: bool) -> Failure {
        let after = self.at.timeout;
        if sent {
            return Failure::retryable(
                Code::ModelUnavailable,
                ModelFailure::TimedOut { after }.to_string(),
            );
        }
        let endpoint = self.candidates.at(attempt).model.provider().to_owned();
        let why = format!("no place at the endpoint `{endpoint}` within {after:?}");
        Failure::retryable(Code::ModelUnavailable, why)
    }

    async fn call(
        &self,
        attempt: u32,
        sink: &dyn StreamSink,
        sent: &AtomicBool,
    ) -> Result<ModelReply, ModelFailure> {
        let (at, candidate) = (self.at, self.candidates.at(attempt));
        let _place = self.place(&candidate.model).await;
        if !at.lease.holds(at.runtime.clock.boot()) {
            // The driver finds out by itself; nothing may be sent any more.
            std::future::pending::<()>().await;
        }
        sent.store(true, Ordering::SeqCst);
        let context = CallContext::new(at.key.to_string(), at.runtime.clock.clone())
            .with_attempt(attempt)
            .with_deadline(at.timeout);
        candidate.provider.call(&candidate.model, self.request, &context, sink).await
    }

    async fn place(&self, model: &ModelId) -> Option<gate::Place> {
        let runtime = &self.at.runtime;
        let traffic = runtime.models.traffic(model.provider())?;
        Some(runtime.gates.place(&gate::endpoint(model), traffic, runtime.clock.as_ref()).await)
    }
}

fn end_of(result: Result<ModelReply, ModelFailure>) -> CallEnd {
    match result {
        Ok(reply) => CallEnd::Reply(Box::new(reply)),
        Err(failure) => CallEnd::Failed {
            took_effect: TookEffect::No,
            charge: if failure.may_have_cost() { Charge::Worst } else { Charge::Call },
            onward: failure.onward(),
            failure: failed(&failure),
        },
    }
}

fn failed(failure: &ModelFailure) -> Failure {
    let retry =
        if failure.is_retryable() { Retryability::Retryable } else { Retryability::Permanent };
    let (code, message) = (failure.code(), failure.to_string());
    Failure { code, message, retry, retry_after: failure.retry_after() }
}

struct LiveSink {
    live: Live,
    run_id: RunId,
    position: EffectPosition,
}

impl LiveSink {
    fn of(at: &Attempt, position: &EffectPosition) -> Self {
        Self { live: at.runtime.live.clone(), run_id: at.run_id, position: position.clone() }
    }
}

impl StreamSink for LiveSink {
    fn event(&self, event: StreamEvent) {
        if self.live.is_heard() {
            let (run_id, position) = (self.run_id, self.position.clone());
            self.live.tell(LiveEvent::Stream { run_id, position, event });
        }
    }
}
