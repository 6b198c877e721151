//! From the end of an attempt to an outcome: a failed attempt is not one.

use std::time::Duration;

use mainstay_core::{
    breaker::Health,
    budget::Settlement,
    effect::{EffectOutcome, EffectPosition, FailedAttempt},
    failure::{Failure, Retryability},
    journal::{EffectSettled, Entry},
    label::Label,
    model::Onward,
    payload::Payload,
    tool::{EffectClass, TookEffect},
    wait::Wait,
};
use serde_json::Value;

use super::{
    Drive, Stop, Wish,
    call::{Beside, Call, CallEnd, Target},
};

/// Waits longer than this are rows, never sleeps: the step's own retry policy makes them.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl Drive {
    /// Takes an attempt's end from the task it ran on.
    pub(super) fn call_ended(&mut self, call: Call, end: CallEnd) -> Result<(), Stop> {
        if let Some(count) = self.calling.get_mut(&call.position.step) {
            *count = count.saturating_sub(1);
        }
        // What it had reserved and did not use may be room enough for a call that had none.
        let waits_for_room =
            |(_, wait): &(EffectPosition, Wait)| matches!(wait, Wait::Budget { .. });
        self.ask_again_due |= self.open.values().any(|s| s.held_by.iter().any(waits_for_room));
        self.attempt_ended(call, end)?;
        self.fit_allowance();
        Ok(())
    }

    pub(super) fn attempt_ended(&mut self, mut call: Call, end: CallEnd) -> Result<(), Stop> {
        self.report(&mut call, &end);
        let used = self.used(&call, &end);
        call.spend.spent = call.spend.spent.plus(&used.spent);
        call.spend.unknown = call.spend.unknown.plus(&used.unknown);
        self.drawn.remove(&call.position);
        if let Some(reservation) = call.reservation.take() {
            // The outcome's entry charges the ledger; here only the reservation ends.
            self.book.run.ledger.settle(reservation, &Settlement::NOTHING);
        }
        self.end_draws(&mut call, &used.total());
        self.note_beside(&mut call);
        match end {
            CallEnd::Reply(mut reply) => {
                let reasoning =
                    reply.reasoning.take().map(|text| Payload::of(&text)).transpose()?;
                let price = call.candidate().and_then(|c| self.desk.runtime.models.price(&c.model));
                reply.cost = price.map(|price| price.cost(&reply.usage));
                self.keep_answer(&call, &reply);
                let about = self.about_model(&call, &reply);
                let value = serde_json::to_value(&reply).unwrap_or_default();
                self.settle(call, Ok(value), reasoning, about)
            }
            CallEnd::Value(value) => self.settle(call, Ok(value), None, Value::Null),
            CallEnd::Asks(asked) => self.ask_input(call, *asked),
            CallEnd::Failed { failure, took_effect, onward, .. } => {
                self.attempt_failed(call, failure, took_effect, onward)
            }
        }
    }

    /// Of two calls only one can be the outcome; the other one is an attempt that did not lead to
    /// it. Where both failed, the later one is the last.
    fn note_beside(&self, call: &mut Call) {
        let Target::Model { candidates, .. } = &call.target else { return };
        let Some(Beside { attempt, failure, .. }) = &call.beside else { return };
        call.failed.push(FailedAttempt {
            attempt: *attempt,
            at: self.book.now(),
            failure: failure.clone(),
            model: Some(candidates.at(*attempt).model.clone()),
        });
    }

    /// Tells the breaker how the other side is.
    fn report(&self, call: &mut Call, end: &CallEnd) {
        let (Some(admission), Some(gate)) = (call.admission.take(), call.gate()) else {
            return;
        };
        let health = match end {
            CallEnd::Failed { failure, .. } if failure.retry == Retryability::Retryable => {
                Health::Ill
            }
            CallEnd::Failed { .. } | CallEnd::Reply(_) | CallEnd::Value(_) | CallEnd::Asks(_) => {
                Health::Well
            }
        };
        self.desk.runtime.gates.report(&gate, admission, health, self.book.now());
    }

    /// A failed attempt is not an outcome: it is tried again, or it is reconciled, or it is in
    /// doubt, or it is the outcome after all.
    pub(super) fn attempt_failed(
        &mut self,
        mut call: Call,
        failure: Failure,
        took_effect: TookEffect,
        onward: Onward,
    ) -> Result<(), Stop> {
        let class = call.target.class();
        let random = self.jitter(&format!("{}@{}", call.position, call.attempt));
        let wanted = !self.timeout(&call).is_zero() && !self.book.run.unwinding;
        let failed = FailedAttempt {
            attempt: call.attempt,
            at: self.book.now(),
            failure: failure.clone(),
            model: call.candidate().map(|candidate| candidate.model.clone()),
        };
        let again = match &call.target {
            Target::Model { .. } => self.next_model(&call, &failed, onward, random),
            Target::Tool { .. } | Target::Once(_) => {
                let policy = call.target.retry();
                policy.next(call.attempt, failure.retry, random, failure.retry_after)
            }
        };
        let again = again.filter(|_| wanted);
        let draining = *self.desk.wish.borrow() == Wish::Drain;
        let may_repeat = took_effect == TookEffect::No || class.repeat_is_harmless();
        let at_once = again.filter(|delay| *delay <= LONGEST_WAIT && may_repeat && !draining);
        let unknown = call.took_effect(took_effect, &failure) == TookEffect::Unknown;
        match at_once.filter(|_| self.affords(&call)) {
            Some(delay) => {
                call.failed.push(failed);
                call.unsure |= unknown;
                self.try_again(call, delay)
            }
            None if unknown && class != EffectClass::Read => {
                call.failed.push(failed);
                self.unknown(call, failure, again)
            }
            None => {
                let about = self.about_failed(&call);
                self.settle(call, Err(failure), None, about)
            }
        }
    }

    fn try_again(&mut self, mut call: Call, delay: Duration) -> Result<(), Stop> {
        // Charged before the repeat is reserved: both count.
        self.keep_attempts(&call)?;
        // The number of the attempt says which model is next, also to whoever goes on after a crash.
        self.commit_due |= matches!(call.target, Target::Model { .. });
        call.failed.clear();
        call.spend = Settlement::NOTHING;
        call.beside = None;
        call.attempt += 1;
        call.delay = delay;
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

    pub(super) fn settle(
        &mut self,
        call: Call,
        result: Result<Value, Failure>,
        reasoning: Option<Payload>,
        about: Value,
    ) -> Result<(), Stop> {
        // What comes back may repeat what was sent.
        let sent = self.label_at(&call.position);
        let label = match &call.target {
            Target::Tool { tool, .. } => tool.spec().result_label.join(&sent),
            Target::Model { .. } => sent.clone(),
            Target::Once(_) => Label::default().join(&sent),
        };
        let about = if about.is_null() { call.about } else { about };
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
            arguments: (!told).then(|| call.arguments.reference(sent)),
            reasoning: reasoning.as_ref().map(|thought| thought.reference(Label::UNTRUSTED)),
            scope: None,
            about,
        };
        let carried = (!told).then_some(call.arguments);
        let payloads = payload.into_iter().chain(reasoning).chain(carried).collect();
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
