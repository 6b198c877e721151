//! What a step asks for: answered from the journal, at once, by a wait, or by a call.

use mainstay_core::{
    digest::Digest,
    effect::{EffectOutcome, EffectPosition, StepKey},
    failure::Failure,
    journal::{EffectSettled, Entry},
    label::Label,
    payload::Payload,
    store::operation::OutboxMessage,
};
use serde_json::{Value, json};

use super::{
    Drive, Stop,
    call::{Call, Target},
};
use crate::context::{Ask, Request};

impl Drive {
    pub(super) async fn ask(&mut self, key: &StepKey, request: Request) -> Result<(), Stop> {
        if let Some(step) = self.open.get_mut(key) {
            step.asked.insert(request.position.clone());
        }
        let recorded = self.book.run.effect(&request.position);
        let known = recorded.is_some_and(|e| e.resolution.is_some() || e.wait.is_some());
        if known {
            return Ok(());
        }
        if recorded.is_some_and(|e| e.intent.is_some()) {
            return self.recover(request).await;
        }
        self.ask_anew(request).await
    }

    async fn ask_anew(&mut self, request: Request) -> Result<(), Stop> {
        let key = request.position.key(self.book.run.key_root);
        match request.ask {
            Ask::Now => {
                let now = json!(self.book.now());
                self.settle_at_once(request, &now)
            }
            Ask::Random => {
                let number = json!(self.jitter(&request.position.to_string()));
                self.settle_at_once(request, &number)
            }
            Ask::Patch => self.settle_at_once(request, &Value::Null),
            Ask::Emit { ref subject, ref event } => {
                let payload = String::from_utf8_lossy(Payload::of(event)?.bytes()).into_owned();
                let message = OutboxMessage::Emit { subject: subject.clone(), key, payload };
                self.book.side.outbox.push(message);
                self.settle_at_once(request, &Value::Null)
            }
            Ask::Review(_) | Ask::Timer(_) | Ask::Signal { .. } | Ask::Child(_) => {
                self.open_wait(request)
            }
            Ask::Model(_) | Ask::Tool { .. } | Ask::Once(_) => self.call(request).await,
        }
    }

    fn settle_at_once(&mut self, request: Request, value: &Value) -> Result<(), Stop> {
        let payload = Payload::of(value)?;
        let outcome = EffectOutcome::Completed(payload.reference(Label::TRUSTED));
        let settled = self.settled(&request, outcome);
        self.book.push(&Entry::EffectSettled(Box::new(settled)), vec![payload])
    }

    /// Refuses an effect before anything was sent.
    pub(super) fn deny(&mut self, request: Request, failure: Failure) -> Result<(), Stop> {
        let settled = EffectSettled {
            arguments: Some(request.arguments.reference(Label::default())),
            ..self.settled(&request, EffectOutcome::Denied(failure))
        };
        self.book.push(&Entry::EffectSettled(Box::new(settled)), vec![request.arguments])
    }

    fn settled(&self, request: &Request, outcome: EffectOutcome) -> EffectSettled {
        EffectSettled {
            position: request.position.clone(),
            head: request.head.clone(),
            attempt: 1,
            failed: Vec::new(),
            outcome,
            spend: mainstay_core::budget::Settlement::NOTHING,
            seen: request.seen,
            started_at: self.book.now(),
            arguments: None,
            about: Value::Null,
        }
    }

    /// Resolves a name to what would be called, or says why nothing may be.
    pub(super) fn target(&self, request: &mut Request) -> Result<Target, Failure> {
        match std::mem::replace(&mut request.ask, Ask::Now) {
            Ask::Model(wish) => self.model_target(*wish),
            Ask::Tool { name, arguments } => {
                self.tool_target(&request.position, &name, arguments)
            }
            Ask::Once(work) => Ok(Target::Once(Some(work))),
            other => {
                request.ask = other;
                Err(Failure::permanent(mainstay_core::code::Code::Bug, "not a call"))
            }
        }
    }

    /// Returns an id for something an effect makes, from the effect's own key: the same on a
    /// replay, without asking for randomness.
    pub(super) fn derived(&self, position: &EffectPosition, what: &[u8]) -> [u8; 10] {
        let key = position.key(self.book.run.key_root).to_string();
        let digest = Digest::of_parts([key.as_bytes(), what]);
        let mut bytes = [0; 10];
        bytes.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
        bytes
    }

    pub(super) fn has_calls(&self, key: &StepKey) -> bool {
        let waiting = self.waiting_calls.iter().any(|call: &Call| call.position.step == *key);
        waiting || self.calling.get(key).is_some_and(|count| *count > 0)
    }
}
