//! Asking a person for an approval: everything there is to know of one call, bound to its bytes.

use mainstay_core::{
    effect::EffectPosition,
    fold::effects::EffectRecord,
    id::ReviewId,
    payload::Payload,
    review::{ReviewReason, ReviewRequest},
    tool::ToolSpec,
    wait::Wait,
};
use serde_json::{Value, json};

use super::{Drive, Stop, govern::Needed};
use crate::context::Request;

/// The queue of calls that wait for an approval.
const APPROVAL_QUEUE: &str = "approvals";

/// So many of the latest outcomes are shown as what the call may rest on.
const EVIDENCE: usize = 20;

/// What a person is asked about a call.
pub(super) struct Asking {
    pub(super) reason: ReviewReason,
    pub(super) title: String,
    pub(super) subject: Value,
    pub(super) queue: &'static str,
}

impl Drive {
    /// Parks a call until a person has said yes or no to exactly it.
    pub(super) fn ask_approval(
        &mut self,
        request: &Request,
        spec: &ToolSpec,
        needed: &Needed,
    ) -> Result<(), Stop> {
        let asking = Asking {
            reason: ReviewReason::Approval,
            title: format!("call `{}`?", spec.name),
            subject: self.approval_subject(request, spec, needed)?,
            queue: APPROVAL_QUEUE,
        };
        let (reason, review) = (asking.reason, self.review_of(request, asking)?);
        let (review_id, bound) = (review.review_id, Some(needed.bound));
        self.open_review(request, Wait::Review { review_id, reason, bound }, review)
    }

    /// Makes the review of a call. Silence ends it.
    pub(super) fn review_of(
        &mut self,
        request: &Request,
        asking: Asking,
    ) -> Result<ReviewRequest, Stop> {
        // Whenever a call is asked about, it has a review of its own.
        let nth = self.book.run.position.to_be_bytes();
        let random = self.derived(&request.position, &[asking.queue.as_bytes(), &nth].concat());
        let (now, span) = (self.book.now(), self.desk.runtime.options.approval_expires);
        let expires_at = now.after(span);
        self.book.side.timers.push((request.position.to_string(), expires_at));
        Ok(ReviewRequest {
            review_id: ReviewId::new(now, random),
            position: request.position.clone(),
            reason: asking.reason,
            title: asking.title,
            subject_digest: Payload::of(&asking.subject)?.digest(),
            subject: asking.subject,
            queue: asking.queue.to_owned(),
            expires_at: Some(expires_at),
        })
    }

    /// Says who wants a call to be made.
    pub(super) fn asked_by(&self, position: &EffectPosition, agent: Option<&str>) -> Value {
        let run = &self.book.run;
        json!({
            "flow": run.flow.name,
            "step": position.step.to_string(),
            "agent": agent,
            "requested_by": run.requested_by,
        })
    }

    fn approval_subject(
        &self,
        request: &Request,
        spec: &ToolSpec,
        needed: &Needed,
    ) -> Result<Value, Stop> {
        let run = &self.book.run;
        let arguments: Value = request.arguments.read()?;
        Ok(json!({
            "tool": spec.name,
            "arguments": arguments,
            "because": needed.because,
            "untrusted": needed.strays,
            "effect": spec.effect,
            "reversibility": spec.reversibility,
            "origin": spec.origin.to_string(),
            "owner": spec.owner,
            "cost_micro_usd": spec.cost,
            "plan": needed.slot,
            "label": needed.label,
            "asked_by": self.asked_by(&request.position, needed.agent.as_deref()),
            "evidence": self.evidence(&request.position),
            "idempotency_key": request.position.key(run.key_root).to_string(),
            "policy": self.desk.runtime.policy.bundle(),
            "bound": needed.bound,
        }))
    }

    /// Returns what the step has been told lately, by name and digest, newest last.
    fn evidence(&self, position: &EffectPosition) -> Vec<Value> {
        let seen = self.book.run.resolved(&position.step);
        let latest = seen.iter().skip(seen.len().saturating_sub(EVIDENCE));
        latest.filter_map(|effect| shown(effect)).collect()
    }
}

fn shown(effect: &EffectRecord) -> Option<Value> {
    let held = effect.held()?;
    Some(json!({
        "kind": effect.head.kind,
        "name": effect.head.name,
        "integrity": held.payload.label.integrity,
        "digest": held.payload.digest,
        "entry": held.at,
    }))
}
