//! The single effect pipeline, for models and tools alike:
//! grant → schema → budget → rate limit → breaker → durability of what came before, or intent →
//! call with deadline and retries → outcome with settlement.
//!
//! Approvals, labels and policy join between schema and budget with the tool layer.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use mainstay_core::{
    breaker::{Admission, Health},
    budget::{Refusal, Reservation, Settlement, Spend},
    code::Code,
    effect::{EffectHead, EffectOutcome, EffectPosition, FailedAttempt},
    failure::{Failure, Retryability},
    journal::{EffectSettled, Entry},
    label::Label,
    model::{CallContext, ModelId, ModelReply, ModelRequest, Provider, StreamEvent, StreamSink},
    payload::Payload,
    retry::RetryPolicy,
    time::Timestamp,
    tool::{EffectClass, TookEffect, Tool, ToolCall, ToolFailure},
    wait::Wait,
};
use serde_json::{Value, json};

use super::{Drive, Stop};
use crate::{
    context::Request,
    live::{Live, LiveEvent},
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
    head: EffectHead,
    seen: u32,
    arguments: Payload,
    target: Target,
    attempt: u32,
    failed: Vec<FailedAttempt>,
    spend: Settlement,
    reservation: Option<Reservation>,
    admission: Option<Admission>,
    started_at: Timestamp,
    /// How long this attempt waits before it is sent.
    delay: Duration,
}

/// How one attempt ended.
pub(super) enum CallEnd {
    Reply(Box<ModelReply>),
    Value(Value),
    Failed {
        failure: Failure,
        took_effect: TookEffect,
        may_have_cost: bool,
    },
}

impl Call {
    /// Returns the request it came from, its attempt and what it calls.
    pub(super) fn into_request(self) -> (Request, u32, Target) {
        let request = Request {
            position: self.position,
            head: self.head,
            seen: self.seen,
            arguments: self.arguments,
            ask: crate::context::Ask::Now,
        };
        (request, self.attempt, self.target)
    }
}

impl Target {
    fn class(&self) -> EffectClass {
        match self {
            Self::Model { .. } | Self::Once(_) => EffectClass::Read,
            Self::Tool { tool, .. } => tool.spec().effect,
        }
    }

    fn needs_intent(&self) -> bool {
        matches!(self, Self::Tool { tool, .. } if tool.spec().needs_intent())
    }

    /// The name its breaker and rate limit go by.
    fn gate(&self) -> Option<String> {
        match self {
            Self::Model { id, .. } => Some(format!("model:{id}")),
            Self::Tool { tool, .. } => Some(format!("tool:{}", tool.spec().name)),
            Self::Once(_) => None,
        }
    }

    fn retry(&self) -> RetryPolicy {
        match self {
            Self::Model { .. } => RetryPolicy::default(),
            Self::Tool { tool, .. } => tool.spec().retry,
            Self::Once(_) => RetryPolicy::never(),
        }
    }
}

impl Drive {
    pub(super) fn model_target(&self, request: ModelRequest) -> Result<Target, Failure> {
        let failure = |f: mainstay_core::model::ModelFailure| {
            Failure::permanent(f.code(), f.to_string())
        };
        let (id, provider) =
            self.desk.runtime.models.resolve(&request.model).map_err(failure)?;
        let unpriced = self.desk.runtime.models.price(&id).is_none();
        if unpriced && self.book.run.ledger.limits().usd.is_some() {
            let why = format!("`{id}` has no price, so the run's limit on money cannot be kept");
            return Err(Failure::permanent(Code::ModelUnpriced, why));
        }
        Ok(Target::Model { id, provider, request: Box::new(request) })
    }

    pub(super) fn tool_target(
        &self,
        position: &EffectPosition,
        name: &str,
        arguments: Value,
    ) -> Result<Target, Failure> {
        let granted = self
            .definition(&position.step)
            .is_some_and(|(_, step)| step.options.grants.contains(name));
        if !granted {
            let why = format!("`{name}` is not granted to `{}`", position.step.step);
            return Err(Failure::permanent(Code::ToolNotGranted, why));
        }
        let Some(tool) = self.desk.runtime.tools.get(name) else {
            let why = format!("there is no tool `{name}`");
            return Err(Failure::permanent(Code::ToolUnknown, why));
        };
        let errors = self.desk.runtime.schema.errors(&tool.spec().input_schema, &arguments);
        if errors.is_empty() {
            return Ok(Target::Tool { tool, arguments });
        }
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let why = format!("the arguments of `{name}` do not fit: {}", errors.join("; "));
        Err(Failure::permanent(Code::ToolArguments, why))
    }

    /// Sends an effect down the pipeline.
    pub(super) async fn call(&mut self, mut request: Request) -> Result<(), Stop> {
        match self.target(&mut request) {
            Ok(target) => self.admit(self.new_call(request, target)),
            Err(denied) => self.deny(request, denied),
        }
    }

    pub(super) fn new_call(&self, request: Request, target: Target) -> Call {
        let recorded = self.book.run.effect(&request.position);
        let failed = recorded.map(|effect| effect.attempts.clone()).unwrap_or_default();
        let intents = recorded.and_then(|effect| effect.intent.as_ref()).map_or(0, |i| i.attempt);
        Call {
            attempt: (failed.len() as u32).max(intents) + 1,
            position: request.position,
            head: request.head,
            seen: request.seen,
            arguments: request.arguments,
            target,
            failed: Vec::new(),
            spend: Settlement::NOTHING,
            reservation: None,
            admission: None,
            started_at: self.book.now(),
            delay: Duration::ZERO,
        }
    }

    /// Budget, rate limit, breaker; then durability or intent.
    pub(super) fn admit(&mut self, mut call: Call) -> Result<(), Stop> {
        let worst = self.worst_case(&call);
        match self.reserve(&call, &worst)? {
            Ok(reservation) => call.reservation = Some(reservation),
            Err(exhausted) => {
                // Not made and not journaled: the step asks again when it is resumed.
                self.hold(&call.position, Wait::Budget { exhausted });
                return Ok(());
            }
        }
        let now = self.book.now();
        if let Target::Tool { tool, .. } = &call.target
            && let Some(limit) = tool.spec().rate
            && let Some(gate) = call.target.gate()
        {
            call.delay = call.delay.max(self.desk.runtime.gates.wait_for(&gate, limit, now));
        }
        if let Some(gate) = call.target.gate() {
            match self.desk.runtime.gates.admit(&gate, now) {
                Ok(admission) => call.admission = Some(admission),
                Err(open) => {
                    let failure = Failure::retryable(Code::ToolUnavailable, open.to_string())
                        .with_retry_after(Some(open.retry_after));
                    let end =
                        CallEnd::Failed { failure, took_effect: TookEffect::No, may_have_cost: false };
                    return self.attempt_ended(call, end);
                }
            }
        }
        self.announce(&call)?;
        self.waiting_calls.push(call);
        Ok(())
    }

    /// Journals an intent where the effect class asks for one, and sees to it that everything the
    /// call depends on is durable before it is sent.
    fn announce(&mut self, call: &Call) -> Result<(), Stop> {
        if call.target.needs_intent() {
            let now = self.book.now();
            let span = call.delay.saturating_add(self.timeout(call));
            let entry = Entry::EffectIntended {
                position: call.position.clone(),
                head: call.head.clone(),
                attempt: call.attempt,
                first_sent_at: now,
                not_after: now.after(span),
                seen: call.seen,
                arguments: call.arguments.reference(Label::default()),
            };
            self.book.push(&entry, vec![call.arguments.clone()])?;
        }
        let reads = call.target.class() == EffectClass::Read;
        if !reads && self.book.has_unsaved() {
            self.commit_due = true;
        }
        Ok(())
    }

    fn worst_case(&self, call: &Call) -> Spend {
        match &call.target {
            Target::Model { id, provider, request } => {
                let input_tokens = provider.count_input(id, request);
                let price = self.desk.runtime.models.price(id);
                let cost = price.map(|p| p.worst_case(input_tokens, request.max_output_tokens));
                Spend {
                    usd: cost.map_or(0, |cost| cost.micros()),
                    input_tokens,
                    output_tokens: u64::from(request.max_output_tokens),
                    model_calls: 1,
                    ..Spend::ZERO
                }
            }
            Target::Tool { .. } => Spend { tool_calls: 1, ..Spend::ZERO },
            Target::Once(_) => Spend::ZERO,
        }
    }

    /// Reserves a call's worst case; the outer error ends the driver, the inner one refuses the
    /// call.
    fn reserve(
        &mut self,
        call: &Call,
        worst: &Spend,
    ) -> Result<Result<Reservation, mainstay_core::budget::Exhausted>, Stop> {
        let now = self.book.now();
        if let Err(late) = self.book.run.ledger.start_at(now) {
            return Ok(Err(late));
        }
        if let Err(exhausted) = self.within_step_budget(call, worst) {
            return Ok(Err(exhausted));
        }
        let worst = self.book.run.ledger.limited(worst);
        match self.book.run.ledger.reserve(&worst) {
            Ok(reservation) => Ok(Ok(reservation)),
            Err(Refusal::Exhausted(exhausted)) => Ok(Err(exhausted)),
            Err(Refusal::AdvanceFirst) => self.advance_and_reserve(&worst),
        }
    }

    /// The advance is committed before the call is sent, so that a crash cannot forget it.
    fn advance_and_reserve(
        &mut self,
        worst: &Spend,
    ) -> Result<Result<Reservation, mainstay_core::budget::Exhausted>, Stop> {
        let amount = match self.book.run.ledger.clone().advance(worst, worst) {
            Ok(amount) => amount,
            Err(exhausted) => return Ok(Err(exhausted)),
        };
        self.book.push(&Entry::Advanced { amount }, Vec::new())?;
        self.commit_due = true;
        match self.book.run.ledger.reserve(worst) {
            Ok(reservation) => Ok(Ok(reservation)),
            Err(Refusal::Exhausted(exhausted)) => Ok(Err(exhausted)),
            Err(Refusal::AdvanceFirst) => {
                Err(Stop::Corrupt("an advance did not cover the call it was made for".into()))
            }
        }
    }

    fn within_step_budget(
        &self,
        call: &Call,
        worst: &Spend,
    ) -> Result<(), mainstay_core::budget::Exhausted> {
        let step = &call.position.step;
        let limits = self.definition(step).and_then(|(_, definition)| definition.options.budget);
        let Some(limits) = limits else { return Ok(()) };
        let spent = self.book.run.step(step).map(|run| run.spent).unwrap_or_default();
        let mut ledger = mainstay_core::budget::Ledger::new(limits);
        ledger.charge(&Settlement::known(spent));
        ledger.advance(worst, &Spend::ZERO).map(drop)
    }

    /// An attempt gets its own timeout, or what is left of the step, whichever is less.
    fn timeout(&self, call: &Call) -> Duration {
        let own = match &call.target {
            Target::Tool { tool, .. } => tool.spec().timeout,
            Target::Model { .. } | Target::Once(_) => self.desk.runtime.options.call_timeout,
        };
        let boot = self.desk.runtime.clock.boot();
        let step = self.open.get(&call.position.step).and_then(|step| step.deadline);
        let left = step.map_or(own, |deadline| own.min(deadline.saturating_sub(boot)));
        let wall = self.book.run.ledger.available(mainstay_core::budget::Dimension::Wall);
        wall.map_or(left, |wall| left.min(Duration::from_millis(wall)))
    }

    /// Sends every admitted call; what they depend on is durable now.
    pub(super) fn send_waiting(&mut self) {
        for call in std::mem::take(&mut self.waiting_calls) {
            *self.calling.entry(call.position.step.clone()).or_default() += 1;
            self.send(call);
        }
    }

    fn send(&mut self, mut call: Call) {
        let timeout = self.timeout(&call);
        let runtime = self.desk.runtime.clone();
        let lease = self.desk.lease.clone();
        let (run_id, key) = (self.book.run.run_id, call.position.key(self.book.run.key_root));
        let deadline = self.book.now().after(call.delay).after(timeout);
        let sink = LiveSink { live: runtime.live.clone(), run_id, position: call.position.clone() };
        let attempt = call.attempt;
        self.calls.spawn(async move {
            if !call.delay.is_zero() {
                runtime.clock.sleep(call.delay).await;
            }
            if !lease.holds(runtime.clock.boot()) {
                // The driver finds out by itself; nothing may be sent any more.
                std::future::pending::<()>().await;
            }
            let work = async {
                match &mut call.target {
                    Target::Model { id, provider, request } => {
                        let context = CallContext::new(key.to_string(), runtime.clock.clone())
                            .with_attempt(attempt)
                            .with_deadline(timeout);
                        model_end(provider.call(id, request, &context, &sink).await)
                    }
                    Target::Tool { tool, arguments } => {
                        let (arguments, position) = (arguments.clone(), call.position.clone());
                        let call = ToolCall { arguments, key, attempt, deadline, run_id, position };
                        tool_end(tool.call(call).await)
                    }
                    Target::Once(work) => match work.take() {
                        Some(work) => once_end(work.await),
                        None => timed_out(Duration::ZERO),
                    },
                }
            };
            let end = tokio::time::timeout(timeout, work).await;
            let end = end.unwrap_or_else(|_| timed_out(timeout));
            (Box::new(call), end)
        });
    }

    /// Takes an attempt's end from the task it ran on.
    pub(super) fn call_ended(&mut self, call: Call, end: CallEnd) -> Result<(), Stop> {
        if let Some(count) = self.calling.get_mut(&call.position.step) {
            *count = count.saturating_sub(1);
        }
        self.attempt_ended(call, end)
    }

    fn attempt_ended(&mut self, mut call: Call, end: CallEnd) -> Result<(), Stop> {
        self.report(&mut call, &end);
        let worst = self.worst_case(&call);
        let used = self.used(&call, &end, &worst);
        call.spend.spent = call.spend.spent.plus(&used.spent);
        call.spend.unknown = call.spend.unknown.plus(&used.unknown);
        if let Some(reservation) = call.reservation.take() {
            // The outcome's entry charges the ledger; here only the reservation ends.
            self.book.run.ledger.settle(reservation, &Settlement::NOTHING);
        }
        match end {
            CallEnd::Reply(mut reply) => {
                reply.cost = match &call.target {
                    Target::Model { id, .. } => {
                        self.desk.runtime.models.price(id).map(|price| price.cost(&reply.usage))
                    }
                    Target::Tool { .. } | Target::Once(_) => None,
                };
                let about = self.about_model(&call, &reply);
                let value = serde_json::to_value(&reply).unwrap_or_default();
                self.settle(call, Ok(value), about)
            }
            CallEnd::Value(value) => self.settle(call, Ok(value), Value::Null),
            CallEnd::Failed { failure, took_effect, .. } => {
                self.attempt_failed(call, failure, took_effect)
            }
        }
    }

    /// Tells the breaker how the other side is.
    fn report(&self, call: &mut Call, end: &CallEnd) {
        let (Some(admission), Some(gate)) = (call.admission.take(), call.target.gate()) else {
            return;
        };
        let health = match end {
            CallEnd::Failed { failure, .. } if failure.retry == Retryability::Retryable => {
                Health::Ill
            }
            CallEnd::Failed { .. } | CallEnd::Reply(_) | CallEnd::Value(_) => Health::Well,
        };
        self.desk.runtime.gates.report(&gate, admission, health, self.book.now());
    }

    fn used(&self, call: &Call, end: &CallEnd, worst: &Spend) -> Settlement {
        match (end, &call.target) {
            (CallEnd::Reply(reply), Target::Model { id, .. }) => {
                let price = self.desk.runtime.models.price(id);
                Settlement::known(Spend {
                    usd: price.map_or(0, |price| price.cost(&reply.usage).micros()),
                    input_tokens: reply.usage.input_tokens,
                    output_tokens: reply.usage.output_tokens,
                    model_calls: 1,
                    ..Spend::ZERO
                })
            }
            (CallEnd::Failed { may_have_cost: true, .. }, _) => Settlement::unknown(*worst),
            (_, Target::Model { .. }) => {
                Settlement::known(Spend { model_calls: 1, ..Spend::ZERO })
            }
            (_, Target::Tool { .. }) => Settlement::known(Spend { tool_calls: 1, ..Spend::ZERO }),
            (_, Target::Once(_)) => Settlement::NOTHING,
        }
    }

    fn about_model(&self, call: &Call, reply: &ModelReply) -> Value {
        let Target::Model { id, .. } = &call.target else { return Value::Null };
        json!({
            "model": id.to_string(),
            "served": reply.model,
            "finish": reply.finish,
            "usage": reply.usage,
            "prices": self.desk.runtime.models.price_version(),
        })
    }

    /// A failed attempt is not an outcome: it is tried again, or it is reconciled, or it is in
    /// doubt, or it is the outcome after all.
    fn attempt_failed(
        &mut self,
        mut call: Call,
        failure: Failure,
        took_effect: TookEffect,
    ) -> Result<(), Stop> {
        let class = call.target.class();
        let may_repeat = took_effect == TookEffect::No || class.repeat_is_harmless();
        let random = self.jitter(&format!("{}@{}", call.position, call.attempt));
        let again = call.target.retry().next(
            call.attempt,
            failure.retry,
            random,
            failure.retry_after,
        );
        let draining = *self.desk.wish.borrow() == super::Wish::Drain;
        let failed = FailedAttempt { attempt: call.attempt, at: self.book.now(), failure: failure.clone() };
        match again.filter(|_| may_repeat && !draining && !self.book.run.unwinding) {
            Some(delay) if delay <= LONGEST_WAIT => {
                call.failed.push(failed);
                call.attempt += 1;
                call.delay = delay;
                self.admit_again(call)
            }
            _ if took_effect == TookEffect::Unknown && class != EffectClass::Read => {
                call.failed.push(failed);
                self.unknown(call, failure)
            }
            _ => self.settle(call, Err(failure), Value::Null),
        }
    }

    /// A repeat is a call like any other; when the budget does not allow it, the attempts so far
    /// are kept.
    fn admit_again(&mut self, call: Call) -> Result<(), Stop> {
        let worst = self.worst_case(&call);
        let fits = self.book.run.ledger.clone().reserve(&self.book.run.ledger.limited(&worst));
        if matches!(fits, Err(Refusal::Exhausted(_))) {
            self.keep_attempts(&call)?;
        }
        self.admit(call)
    }

    pub(super) fn keep_attempts(&mut self, call: &Call) -> Result<(), Stop> {
        let entry = Entry::EffectAttempted {
            position: call.position.clone(),
            head: call.head.clone(),
            attempts: call.failed.clone(),
            spend: call.spend,
        };
        self.book.push(&entry, Vec::new())
    }

    fn settle(
        &mut self,
        call: Call,
        result: Result<Value, Failure>,
        about: Value,
    ) -> Result<(), Stop> {
        let label = match &call.target {
            Target::Tool { tool, .. } => tool.spec().result_label.clone(),
            Target::Model { .. } | Target::Once(_) => Label::default(),
        };
        let (outcome, payload) = match result {
            Ok(value) => {
                let payload = Payload::of(&value)?;
                (EffectOutcome::Completed(payload.reference(label)), Some(payload))
            }
            Err(failure) => (EffectOutcome::Failed(failure), None),
        };
        let acted = call.target.class() != EffectClass::Read;
        let arguments = self.book.run.effect(&call.position).and_then(|e| e.arguments.clone());
        let told = arguments.is_some();
        let settled = EffectSettled {
            position: call.position,
            head: call.head,
            attempt: call.attempt,
            failed: call.failed,
            outcome,
            spend: call.spend,
            seen: call.seen,
            started_at: call.started_at,
            arguments: (!told).then(|| call.arguments.reference(Label::default())),
            about,
        };
        let carried = (!told).then_some(call.arguments);
        let payloads = payload.into_iter().chain(carried).collect();
        self.acted |= acted;
        self.book.push(&Entry::EffectSettled(Box::new(settled)), payloads)
    }

    /// Keeps a step from being polled to its end until something outside changes.
    pub(super) fn hold(&mut self, position: &EffectPosition, wait: Wait) {
        if let Some(step) = self.open.get_mut(&position.step) {
            step.held_by.push((position.clone(), wait));
        }
    }
}

/// Waits longer than this are rows, never sleeps: the step's own retry policy makes them.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

struct LiveSink {
    live: Live,
    run_id: mainstay_core::id::RunId,
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

fn model_end(result: Result<ModelReply, mainstay_core::model::ModelFailure>) -> CallEnd {
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
