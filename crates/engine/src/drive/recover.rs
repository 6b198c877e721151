//! Actions that may have happened: re-sent, reconciled, or put before a person. Never guessed.

use std::time::Duration;

use mainstay_core::{
    budget::{Settlement, Spend},
    code::Code,
    digest::Digest,
    effect::{EffectOutcome, EffectPosition, FailedAttempt, StepKey},
    failure::Failure,
    fold::effects::{EffectRecord, Intent},
    id::ReviewId,
    journal::{EffectSettled, Entry},
    label::Label,
    payload::Payload,
    review::{Decision, ReviewOutcome, ReviewReason, ReviewRequest},
    time::Timestamp,
    tool::{Reconciled, Recovery, Sent, Tool, ToolCall},
    wait::Wait,
};
use serde_json::{Value, json};

use super::{
    Drive, Stop,
    call::{Call, Target},
    govern::{Governed, approval_lost},
    input::Heard,
    outcome::LONGEST_WAIT,
};
use crate::context::{Callee, Request};

/// The queue of reviews that the engine itself asks for.
const DOUBT_QUEUE: &str = "in_doubt";

impl Drive {
    /// An action that may have happened, without an outcome: what a person said decides, else what
    /// a repeat would do. One that asked is still under way, and goes on.
    pub(super) async fn recover(&mut self, request: Request, callee: Callee) -> Result<(), Stop> {
        let Some(record) = self.book.run.effect(&request.position).cloned() else { return Ok(()) };
        let intent = self.sending(&record);
        if let Some(answer) = record.answer.clone() {
            return self.act_on(answer, request, callee, &intent).await;
        }
        let target = match self.target(&request.position, callee) {
            Ok(target) => target,
            Err(failure) => return self.doubt(&request, &failure.to_string(), &intent),
        };
        let (tool, arguments) = match target {
            Target::Tool { tool, arguments } => (tool, arguments),
            target @ (Target::Model { .. } | Target::Once(_)) => {
                return self.admit(self.new_call(request, target));
            }
        };
        if record.goes_on() && !self.book.run.unwinding {
            let call = self.new_call(request, Target::Tool { tool, arguments });
            return self.send_again(call, &intent, false).await;
        }
        let sent = Sent { first_sent_at: intent.first_sent_at, not_after: intent.not_after };
        match tool.spec().effect.recovery(sent, tool.spec().timeout, self.book.now()) {
            Recovery::CallAgain => {
                let call = self.new_call(request, Target::Tool { tool, arguments });
                self.send_again(call, &intent, false).await
            }
            Recovery::InDoubt => self.doubt(&request, "the worker died before the answer", &intent),
            Recovery::Reconcile { absent_counts_from } => {
                let call = self.tool_call(&record, arguments.clone(), &intent);
                let found = reconcile(tool.as_ref(), call).await;
                let target = Target::Tool { tool, arguments };
                self.reconciled(found, request, target, &intent, absent_counts_from).await
            }
        }
    }

    /// Returns what the journal knows of a call's sending. A class that announces nothing has left
    /// no more than its failed attempts: it was sent before the first of them ended, and the last
    /// one is over.
    fn sending(&self, record: &EffectRecord) -> Intent {
        record.intent.clone().unwrap_or_else(|| {
            let ended = |tried: Option<&FailedAttempt>| tried.map_or(self.book.run.at, |t| t.at);
            Intent {
                attempt: record.attempts.last().map_or(1, |tried| tried.attempt),
                first_sent_at: ended(record.attempts.first()),
                not_after: ended(record.attempts.last()),
                at: record.asked_at,
            }
        })
    }

    fn tool_call(&self, record: &EffectRecord, arguments: Value, intent: &Intent) -> ToolCall {
        ToolCall {
            arguments,
            key: record.position.key(self.book.run.key_root),
            attempt: intent.attempt,
            deadline: self.book.now().after(RECONCILE_TIMEOUT),
            run_id: self.book.run.run_id,
            position: record.position.clone(),
            input: None,
        }
    }

    /// Sends an action again, if it still may be made. What a person has just asked for needs no
    /// other approval; that it was sent before makes it in doubt where it may not be.
    async fn send_again(&mut self, call: Call, intent: &Intent, asked: bool) -> Result<(), Stop> {
        let (unsure, (request, target)) = (call.unsure, call.into_request());
        let (tool, arguments) = match target {
            Target::Tool { tool, arguments } => (tool, arguments),
            target @ (Target::Model { .. } | Target::Once(_)) => {
                return self.admit(self.new_call(request, target));
            }
        };
        let about = match self.govern(&request, tool.spec(), &arguments).await? {
            Governed::Allowed(about) => about,
            Governed::NeedsApproval(_) if asked => Value::Null,
            Governed::NeedsApproval(_) => {
                return self.doubt(&request, &approval_lost(tool.spec()).to_string(), intent);
            }
            Governed::Refused(denied, _) => {
                return self.doubt(&request, &denied.to_string(), intent);
            }
        };
        let input = match self.heard(&request.position, &tool.spec().name).await? {
            Heard::Go(input) => input,
            Heard::Refused(denied) => return self.doubt(&request, &denied.to_string(), intent),
        };
        let call = self.new_call(request, Target::Tool { tool, arguments });
        self.admit(Call { about, input, unsure, ..call })
    }

    async fn reconciled(
        &mut self,
        found: Reconciled,
        request: Request,
        target: Target,
        intent: &Intent,
        absent_counts_from: Timestamp,
    ) -> Result<(), Stop> {
        match found {
            Reconciled::Happened(value) => self.settle_found(&request, &value, intent),
            Reconciled::Absent if self.book.now() >= absent_counts_from => {
                let call = Call { unsure: false, ..self.new_call(request, target) };
                self.send_again(call, intent, false).await
            }
            // It may still become visible: looked at again when that time is over.
            Reconciled::Absent => {
                self.hold(&request.position, Wait::Timer { due: absent_counts_from });
                Ok(())
            }
            Reconciled::Unknown => {
                self.doubt(&request, "the other side cannot say whether it happened", intent)
            }
        }
    }

    fn settle_found(
        &mut self,
        request: &Request,
        value: &Value,
        intent: &Intent,
    ) -> Result<(), Stop> {
        let payload = Payload::of(value)?;
        let declared = self.desk.runtime.tools.get(&request.head.name);
        let declared = declared.map_or(Label::UNTRUSTED, |tool| tool.spec().result_label.clone());
        let label = declared.join(&self.label_at(&request.position)).join(&Label::UNTRUSTED);
        let outcome = EffectOutcome::Completed(payload.reference(label));
        self.settle_recovered(request, outcome, intent, vec![payload])
    }

    fn settle_recovered(
        &mut self,
        request: &Request,
        outcome: EffectOutcome,
        intent: &Intent,
        payloads: Vec<Payload>,
    ) -> Result<(), Stop> {
        let spend = self.uncounted(request, intent);
        let settled = EffectSettled {
            position: request.position.clone(),
            head: request.head.clone(),
            attempt: intent.attempt,
            failed: Vec::new(),
            outcome,
            spend,
            seen: request.seen,
            started_at: intent.first_sent_at,
            arguments: None,
            reasoning: None,
            scope: None,
            about: json!({ "recovered": true }),
        };
        self.acted = true;
        self.book.push(&Entry::EffectSettled(Box::new(settled)), payloads)
    }

    /// Returns what the call has used and nobody has counted. Where a limit speaks of calls, the
    /// advance of the crashed worker was charged; where the worker lived, the attempt was.
    fn uncounted(&self, request: &Request, intent: &Intent) -> Settlement {
        let call = Spend { tool_calls: 1, ..Spend::ZERO };
        let record = self.book.run.effect(&request.position);
        let tried = |record: &EffectRecord| {
            record.attempts.iter().any(|attempt| attempt.attempt == intent.attempt)
        };
        let limited = self.limited_at(&request.position, &call) != Spend::ZERO;
        if limited || record.is_some_and(tried) {
            return Settlement::NOTHING;
        }
        Settlement::known(call)
    }

    /// A call whose fate is unknown while its worker still lives: the same rules, at once. `again`
    /// is the wait before another attempt, if its retries leave one: what may be sent again is sent
    /// later, as often as they allow, and only then put before a person.
    pub(super) fn unknown(
        &mut self,
        call: Call,
        failure: Failure,
        again: Option<Duration>,
    ) -> Result<(), Stop> {
        self.keep_attempts(&call)?;
        let Some(record) = self.book.run.effect(&call.position).cloned() else { return Ok(()) };
        let intent = self.sending(&record);
        let (request, target) = call.into_request();
        let Target::Tool { tool, .. } = &target else { return Ok(()) };
        let (now, spec) = (self.book.now(), tool.spec());
        let sent = Sent { first_sent_at: intent.first_sent_at, not_after: intent.not_after };
        let due = match (spec.effect.recovery(sent, spec.timeout, now), again) {
            (Recovery::Reconcile { absent_counts_from }, _) => absent_counts_from,
            (Recovery::CallAgain, Some(delay)) => now.after(delay.max(LONGEST_WAIT)),
            (Recovery::CallAgain, None) | (Recovery::InDoubt, _) => {
                return self.doubt(&request, &failure.message, &intent);
            }
        };
        self.hold(&request.position, Wait::Timer { due });
        Ok(())
    }

    /// Returns whether an action that the code of a step asked for may have happened, and nobody
    /// knows yet: its step does not end before that, whether or not the code waited for it.
    pub(super) fn has_open_actions(&self, key: &StepKey) -> bool {
        let (Some(step), Some(run)) = (self.open.get(key), self.book.run.step(key)) else {
            return false;
        };
        let later = step.held_by.iter().any(|(_, wait)| matches!(wait, Wait::Timer { .. }));
        let mut open = run.effects.iter().filter(|effect| effect.is_open_action());
        later || open.any(|effect| step.asked.contains(&effect.position))
    }

    /// Puts an action that may have happened before a person, with everything there is to know.
    fn doubt(&mut self, request: &Request, why: &str, intent: &Intent) -> Result<(), Stop> {
        // Each doubt has a review of its own, also when one follows the other at once.
        let nth = self.book.run.position.to_be_bytes();
        let random = self.derived(&request.position, &[b"in doubt", &nth[..]].concat());
        let review_id = ReviewId::new(self.book.now(), random);
        let arguments: Value = request.arguments.read().unwrap_or_default();
        let subject = json!({
            "tool": request.head.name,
            "arguments": arguments,
            "idempotency_key": request.position.key(self.book.run.key_root).to_string(),
            "first_sent_at": intent.first_sent_at,
            "attempts": intent.attempt,
            "because": why,
            "decide": {
                "amend": "it happened; the amended subject is what it returned",
                "reject": "it did not happen; the step is told that it failed",
                "approve": "send it again, with the same key",
            },
        });
        let title = format!("did `{}` happen?", request.head.name);
        let wait = Wait::Review { review_id, reason: ReviewReason::InDoubt, bound: None };
        self.open_review(
            request,
            wait,
            ReviewRequest {
                review_id,
                position: request.position.clone(),
                reason: ReviewReason::InDoubt,
                title,
                subject_digest: Digest::of(Payload::of(&subject)?.bytes()),
                subject,
                queue: DOUBT_QUEUE.to_owned(),
                expires_at: None,
            },
        )
    }

    /// Does what a person said about an action in doubt.
    async fn act_on(
        &mut self,
        answer: ReviewOutcome,
        request: Request,
        callee: Callee,
        intent: &Intent,
    ) -> Result<(), Stop> {
        let undecided = |why: &str| EffectOutcome::InDoubt(Failure::permanent(Code::InDoubt, why));
        let (outcome, payloads) = match answer {
            ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. } => {
                return match self.target(&request.position, callee) {
                    Ok(target) => {
                        let call = self.new_call(request, target);
                        self.send_again(call, intent, true).await
                    }
                    Err(failure) => self.doubt(&request, &failure.to_string(), intent),
                };
            }
            ReviewOutcome::Decided { decision: Decision::Amend { subject, .. }, .. } => {
                return self.settle_found(&request, &subject, intent);
            }
            ReviewOutcome::Decided { decision: Decision::Reject { reason }, by, .. } => {
                let why = format!("{by} says it did not happen: {reason}");
                (EffectOutcome::Failed(Failure::permanent(Code::ToolFailed, why)), Vec::new())
            }
            ReviewOutcome::Decided { decision: Decision::Respond { text }, .. } => {
                (undecided(&text), Vec::new())
            }
            ReviewOutcome::Expired => (undecided("nobody could say in time"), Vec::new()),
        };
        self.settle_recovered(&request, outcome, intent, payloads)
    }

    /// Returns the timers that wake a run for what no effect stands for.
    pub(super) fn recovery_key(position: &EffectPosition) -> String {
        format!("recover:{position}")
    }
}

/// A look at the other side may take this long.
const RECONCILE_TIMEOUT: Duration = Duration::from_secs(30);

async fn reconcile(tool: &dyn Tool, call: ToolCall) -> Reconciled {
    let look = tokio::time::timeout(RECONCILE_TIMEOUT, tool.reconcile(call));
    look.await.unwrap_or(Reconciled::Unknown)
}
