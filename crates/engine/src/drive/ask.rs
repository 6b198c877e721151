//! What a step asks for: answered from the journal, at once, by a wait, or by a call.

use mainstay_core::{
    code::Code,
    digest::Digest,
    effect::{EffectOutcome, EffectPosition, StepKey},
    effects::{Scope, ScopeKind},
    failure::Failure,
    fold::effects::EffectRecord,
    journal::{EffectSettled, Entry},
    label::Label,
    payload::Payload,
    store::{local::LocalWrite, operation::OutboxMessage},
};
use serde_json::{Value, json};

use super::{
    Drive, Stop,
    call::{Call, Target},
};
use crate::context::{Ask, Callee, Request};

impl Drive {
    pub(super) async fn ask(
        &mut self,
        key: &StepKey,
        request: Request,
        ask: Ask,
    ) -> Result<(), Stop> {
        if let Some(step) = self.open.get_mut(key) {
            step.asked.insert(request.position.clone());
        }
        let recorded = self.book.run.effect(&request.position);
        let known = recorded.is_some_and(|e| e.resolution.is_some() || e.wait.is_some());
        let sent = recorded.is_some_and(EffectRecord::is_open_action);
        let undoing = self.book.run.step(key).is_some_and(|step| step.undoes.is_some());
        if known {
            return Ok(());
        }
        let Some((request, ask)) = self.unless_too_early(key, request, ask, sent) else {
            return Ok(());
        };
        match ask {
            Ask::Call(callee) if sent => self.recover(request, callee).await,
            // Nothing new is begun for a step that will be let go.
            _ if self.book.run.unwinding && !undoing => Ok(()),
            Ask::Call(callee) => self.call(request, callee).await,
            Ask::Wait(wait) => self.open_wait(request, wait),
            Ask::Now => {
                let now = json!(self.book.now());
                self.settle_at_once(&request, &now)
            }
            Ask::Random => {
                let number = json!(self.jitter(&request.position.to_string()).to_string());
                self.settle_at_once(&request, &number)
            }
            Ask::Patch => self.settle_at_once(&request, &Value::Null),
            Ask::Emit { subject, event } => {
                let key = request.position.key(self.book.run.key_root);
                let payload = String::from_utf8_lossy(Payload::of(&event)?.bytes()).into_owned();
                self.book.side.outbox.push(OutboxMessage::Emit { subject, key, payload });
                self.settle_at_once(&request, &Value::Null)
            }
            Ask::Write(write) => self.write(request, write),
            Ask::Endorse { rule, value } => self.endorse(request, &rule, &value),
            Ask::Open { scope, pinned } => self.open_scope(request, scope, &pinned),
        }
    }

    /// Opens a scope unless it nests too deep. What is pinned, and what is left of everything around
    /// it, is what a repeat will see.
    fn open_scope(&mut self, request: Request, scope: Scope, pinned: &Value) -> Result<(), Stop> {
        if scope.kind == ScopeKind::Agent
            && let Some(held) = self.too_deep(&request.position)
        {
            self.hold(&request.position, held);
            return Ok(());
        }
        let left = self.left(&request.position);
        let payload = Payload::of(&json!({ "pinned": pinned, "left": left }))?;
        let label = self.label_at(&request.position);
        let outcome = EffectOutcome::Completed(payload.reference(label));
        let settled =
            EffectSettled { scope: Some(Box::new(scope)), ..self.settled(&request, outcome) };
        self.book.push(&Entry::EffectSettled(Box::new(settled)), vec![payload])
    }

    /// The statement goes with the commit that makes its entry durable; one that no database takes
    /// is the step's to hear, not the commit's.
    fn write(&mut self, request: Request, write: LocalWrite) -> Result<(), Stop> {
        if let Err(why) = write.check() {
            let why = format!("`{}` cannot be written: {why}", request.head.name);
            return self.deny(request, Failure::permanent(Code::WriteInvalid, why));
        }
        self.book.side.local.push(write);
        let nothing = Payload::of(&Value::Null)?;
        let outcome = EffectOutcome::Completed(nothing.reference(Label::TRUSTED));
        let settled = EffectSettled {
            arguments: Some(request.arguments.reference(self.label_at(&request.position))),
            ..self.settled(&request, outcome)
        };
        self.book.push(&Entry::EffectSettled(Box::new(settled)), vec![nothing, request.arguments])
    }

    /// What the rule admits is trusted from here on; who may see it stays as it was.
    fn endorse(&mut self, request: Request, rule: &str, value: &Value) -> Result<(), Stop> {
        let runtime = &self.desk.runtime;
        if let Err(why) = runtime.endorsements.check(runtime.schema.as_ref(), rule, value) {
            return self.deny(request, why.into());
        }
        let readers = self.label_at(&request.position).readers;
        let payload = Payload::of(value)?;
        let label = Label::TRUSTED.with_readers(readers);
        let settled = self.settled(&request, EffectOutcome::Completed(payload.reference(label)));
        self.book.push(&Entry::EffectSettled(Box::new(settled)), vec![payload])
    }

    fn settle_at_once(&mut self, request: &Request, value: &Value) -> Result<(), Stop> {
        let payload = Payload::of(value)?;
        let outcome = EffectOutcome::Completed(payload.reference(Label::TRUSTED));
        let settled = self.settled(request, outcome);
        self.book.push(&Entry::EffectSettled(Box::new(settled)), vec![payload])
    }

    /// Refuses an effect before anything was sent.
    pub(super) fn deny(&mut self, request: Request, failure: Failure) -> Result<(), Stop> {
        self.deny_because(request, failure, Value::Null)
    }

    /// Refuses an effect, and keeps what decided.
    pub(super) fn deny_because(
        &mut self,
        request: Request,
        failure: Failure,
        about: Value,
    ) -> Result<(), Stop> {
        let arguments = request.arguments.reference(self.label_at(&request.position));
        let settled = EffectSettled {
            arguments: Some(arguments),
            about,
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
            reasoning: None,
            scope: None,
            about: Value::Null,
        }
    }

    /// Resolves a name to what would be called, or says why nothing may be.
    pub(super) fn target(
        &self,
        position: &EffectPosition,
        callee: Callee,
    ) -> Result<Target, Failure> {
        match callee {
            Callee::Model(wish) => self.model_target(position, *wish),
            Callee::Tool { name, arguments } => self.tool_target(position, &name, arguments),
            Callee::Once(work) => Ok(Target::Once(Some(work))),
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
        let waiting = self.unsent().any(|call: &Call| call.position.step == *key);
        waiting || self.calling.get(key).is_some_and(|count| *count > 0)
    }
}
