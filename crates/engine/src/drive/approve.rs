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

impl Drive {
    /// Parks a call until a person has said yes or no to exactly it.
    pub(super) fn ask_approval(
        &mut self,
        request: &Request,
        spec: &ToolSpec,
        needed: &Needed,
    ) -> Result<(), Stop> {
        // Each call that is another one than was approved has a review of its own.
        let nth = self.book.run.position.to_be_bytes();
        let random = self.derived(&request.position, &[b"approval", &nth[..]].concat());
        let (now, span) = (self.book.now(), self.desk.runtime.options.approval_expires);
        let review_id = ReviewId::new(now, random);
        let expires_at = now.after(span);
        let subject = self.approval_subject(request, spec, needed)?;
        let reason = ReviewReason::Approval;
        let review = ReviewRequest {
            review_id,
            position: request.position.clone(),
            reason,
            title: format!("call `{}`?", spec.name),
            subject_digest: Payload::of(&subject)?.digest(),
            subject,
            queue: APPROVAL_QUEUE.to_owned(),
            expires_at: Some(expires_at),
        };
        self.book.side.timers.push((request.position.to_string(), expires_at));
        let wait = Wait::Review { review_id, reason, bound: Some(needed.bound) };
        self.open_review(request, wait, review)
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
            "asked_by": {
                "flow": run.flow.name,
                "step": request.position.step.to_string(),
                "agent": needed.agent,
                "requested_by": run.requested_by,
            },
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
