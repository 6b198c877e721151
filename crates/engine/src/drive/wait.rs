//! Opening waits, and parking with nothing held.

use mainstay_core::{
    code::Code,
    effect::{EffectPosition, StepKey},
    failure::Failure,
    fold::steps::Phase,
    id::{ReviewId, RunId},
    journal::{Created, Entry, Head, InputAsked, JournalRow, Parent},
    payload::Payload,
    review::{ReviewReason, ReviewRequest},
    store::operation::OutboxMessage,
    wait::{Wait, WaitMode, WaitSet},
};

use super::{Closed, Drive, Driven, Rest, Stop};
use crate::context::{ChildRun, Request, WaitFor};

impl Drive {
    pub(super) fn open_wait(&mut self, request: Request, wait: WaitFor) -> Result<(), Stop> {
        self.commit_due = true;
        let now = self.book.now();
        match wait {
            WaitFor::Timer(span) => {
                let due = now.after(span);
                self.book.side.timers.push((request.position.to_string(), due));
                self.push_wait(&request, Wait::Timer { due }, None)
            }
            WaitFor::Signal { name, within } => {
                let until = within.map(|span| now.after(span));
                let key = request.position.to_string();
                self.book.side.timers.extend(until.map(|due| (key, due)));
                self.push_wait(&request, Wait::Signal { name, until }, None)
            }
            WaitFor::Review(wish) => {
                let review_id = ReviewId::new(now, self.derived(&request.position, b"review"));
                let expires_at = wish.expires_in.map(|span| now.after(span));
                let key = request.position.to_string();
                self.book.side.timers.extend(expires_at.map(|due| (key, due)));
                let wait = Wait::Review { review_id, reason: ReviewReason::Asked, bound: None };
                let review = ReviewRequest {
                    review_id,
                    position: request.position.clone(),
                    reason: ReviewReason::Asked,
                    title: wish.title,
                    subject_digest: Payload::of(&wish.subject)?.digest(),
                    subject: wish.subject,
                    queue: wish.queue,
                    expires_at,
                };
                self.open_review(&request, wait, review)
            }
            WaitFor::Child(child) => self.open_child(request, child),
        }
    }

    fn push_wait(
        &mut self,
        request: &Request,
        wait: Wait,
        asked: Option<(InputAsked, Payload)>,
    ) -> Result<(), Stop> {
        let (input, wanted) = asked.unzip();
        let entry = Entry::WaitOpened {
            position: request.position.clone(),
            head: request.head.clone(),
            wait,
            arguments: request.arguments.reference(self.label_at(&request.position)),
            seen: request.seen,
            input: input.map(Box::new),
        };
        let payloads = [request.arguments.clone()].into_iter().chain(wanted).collect();
        self.book.push(&entry, payloads)
    }

    pub(super) fn open_review(
        &mut self,
        request: &Request,
        wait: Wait,
        review: ReviewRequest,
    ) -> Result<(), Stop> {
        self.open_review_of(request, wait, review, None)
    }

    /// Opens a review, perhaps of what the other side of a call asks.
    pub(super) fn open_review_of(
        &mut self,
        request: &Request,
        wait: Wait,
        review: ReviewRequest,
        asked: Option<(InputAsked, Payload)>,
    ) -> Result<(), Stop> {
        self.book.side.reviews.push(review);
        self.commit_due = true;
        self.push_wait(request, wait, asked)
    }

    /// The parent draws the child's id and journals it before the message that starts it.
    fn open_child(&mut self, request: Request, child: ChildRun) -> Result<(), Stop> {
        let wanted = self.desk.runtime.flows.latest(&child.flow).cloned();
        let Some(flow) = wanted else {
            let why = format!("there is no flow `{}` to run as a child", child.flow);
            return self.deny(request, Failure::permanent(Code::UnknownFlow, why));
        };
        let state = match flow.program.initial(&child.input) {
            Ok(state) => state,
            Err(e) => {
                let why = format!("the child's input does not fit at `{}`: {}", e.path, e.message);
                return self.deny(request, Failure::permanent(Code::InvalidInput, why));
            }
        };
        let depth = self.book.run.depth();
        if let Err(exhausted) = self.book.run.ledger.enter(u64::from(depth) + 1) {
            self.hold(&request.position, Wait::budget(exhausted));
            return Ok(());
        }
        let run_id = RunId::new(self.book.now(), self.derived(&request.position, b"child"));
        let limits = match self.book.run.ledger.clone().allot(&run_id.to_string(), &child.limits) {
            Ok(limits) => limits,
            Err(exhausted) => {
                self.hold(&request.position, Wait::budget(exhausted));
                return Ok(());
            }
        };
        let (input, state) = (Payload::of(&child.input)?, Payload::of(&state)?);
        let label = self.label_at(&request.position);
        let created = Created {
            flow: flow.version.clone(),
            tenant: self.book.run.tenant.clone(),
            input: input.reference(label.clone()),
            state: state.reference(label),
            key_root: mainstay_core::digest::Digest::of_parts([
                &self.book.run.key_root.as_bytes()[..],
                run_id.to_string().as_bytes(),
            ]),
            limits,
            requested_by: self.book.run.requested_by.clone(),
            tags: self.book.run.tags.clone(),
            parent: Some(Parent {
                run_id: self.book.run.run_id,
                position: request.position.clone(),
                depth,
            }),
            forked: None,
        };
        self.book.push(&Entry::Allotted { child: run_id, limits: child.limits }, Vec::new())?;
        self.push_wait(&request, Wait::Child { run_id }, None)?;
        let at = self.book.now();
        let entry = Entry::Created(Box::new(created));
        let row = JournalRow::after(Head::EMPTY, run_id, 0, at, &entry, Vec::new())?;
        self.book.side.outbox.push(OutboxMessage::StartChild {
            run_id,
            flow: flow.version,
            tenant: self.book.run.tenant.clone(),
            created: text(&row.body),
            at,
            payloads: vec![text(input.bytes()), text(state.bytes())],
        });
        Ok(())
    }

    /// Takes back the waits of a step that is over: what nobody waits for any more.
    pub(super) fn withdraw_waits(&mut self, key: &StepKey) {
        let waits = self.waits_of(key);
        self.withdraw(waits);
    }

    pub(super) fn waits_of(&self, key: &StepKey) -> Vec<(EffectPosition, Wait)> {
        let open = self.book.run.open_waits();
        let mine = open.into_iter().filter(|(effect, _)| effect.position.step == *key);
        mine.map(|(effect, wait)| (effect.position.clone(), wait.clone())).collect()
    }

    pub(super) fn withdraw(&mut self, waits: Vec<(EffectPosition, Wait)>) {
        for (position, wait) in waits {
            match wait {
                Wait::Review { review_id, .. } => {
                    self.book.side.timers_off.push(position.to_string());
                    self.book.side.reviews_off.push(review_id);
                }
                Wait::Timer { .. } | Wait::Signal { .. } => {
                    self.book.side.timers_off.push(position.to_string());
                }
                Wait::Child { run_id } => self.cancel_child(run_id),
                Wait::Retry { .. }
                | Wait::Budget { .. }
                | Wait::WorkerVersion { .. }
                | Wait::Divergence(_)
                | Wait::Quarantine { .. } => {}
            }
        }
    }

    fn cancel_child(&mut self, run_id: RunId) {
        let by = self.book.run.run_id.to_string();
        let reason = "the parent no longer waits for it".to_owned();
        let body = mainstay_core::inbox::InboxBody::CancelRequested { by, reason };
        let message = OutboxMessage::Tell {
            run_id,
            key: "cancel".to_owned(),
            body: Box::new(body),
            payloads: Vec::new(),
        };
        self.book.side.outbox.push(message);
    }

    /// Parks, if nothing but waits keeps the run from going on.
    pub(super) async fn park(&mut self) -> Result<Rest, Stop> {
        if self.open.values().any(|step| !step.waits_for_effects_only()) {
            return Ok(Rest::Still);
        }
        let wait = self.wait_set();
        if wait.waits.is_empty() {
            self.fail_what_waits_for_nothing()?;
            return Ok(Rest::Moved);
        }
        self.set_wake_timers(&wait);
        match self.book.park(wait).await? {
            Closed::Yes => Ok(Rest::Closed(Driven::Parked)),
            Closed::InboxMoved => {
                self.receive().await?;
                Ok(Rest::Moved)
            }
        }
    }

    fn wait_set(&self) -> WaitSet {
        let mut waits: Vec<_> =
            self.book.run.open_waits().into_iter().map(|(_, w)| w.clone()).collect();
        let effects = waits.len();
        for step in self.open.values() {
            waits.extend(step.held_by.iter().map(|(_, wait)| wait.clone()));
        }
        waits.extend(self.refused.clone());
        for step in &self.book.run.steps {
            if let Phase::Retrying { at } = step.phase {
                waits.push(Wait::Retry { step: step.key.clone(), at });
            }
        }
        let only_effects = effects == waits.len() && self.open.len() == 1;
        let all = only_effects
            && self.open.values().all(|step| {
                let cell = step.cell.lock();
                let awaited = cell.awaited();
                awaited.len() == effects && cell.needs_all(&awaited)
            });
        WaitSet { mode: if all { WaitMode::All } else { WaitMode::Any }, waits }
    }

    /// Timers for waits that no effect's own timer stands for.
    fn set_wake_timers(&mut self, wait: &WaitSet) {
        for wait in &wait.waits {
            if let Wait::Retry { step, at } = wait {
                self.book.side.timers.push((format!("retry:{step}"), *at));
            }
        }
        for step in self.open.values() {
            for (position, wait) in &step.held_by {
                // What holds a step and ends with time has no timer of an effect's own.
                let key = || Self::recovery_key(position);
                self.book.side.timers.extend(wait.ends_at().map(|due| (key(), due)));
            }
        }
        if let Some(deadline) = self.book.run.ledger.limits().deadline
            && deadline > self.book.now()
        {
            self.book.side.timers.push(("deadline".to_owned(), deadline));
        }
    }

    fn fail_what_waits_for_nothing(&mut self) -> Result<(), Stop> {
        let keys: Vec<_> = self.open.keys().cloned().collect();
        for key in keys {
            let why = format!("`{}` waits for something that nothing will bring", key.step);
            if let Some(step) = self.open.get_mut(&key) {
                step.end_with(Err(Failure::permanent(Code::StepFailed, why)));
            }
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
