//! Between schema and budget: labels, policy, and a person's approval.
//!
//! All of it narrows. A call that is neither forbidden nor in need of an approval goes on; one that
//! needs an approval goes on with that of a person for exactly these bytes, and with no other.

use mainstay_core::{
    approval::Bound,
    code::Code,
    digest::Digest,
    effect::EffectPosition,
    effects::ScopeKind,
    failure::Failure,
    fold::scopes::ScopeRecord,
    label::{Integrity, Label, Readers},
    policy::{Asker, PlanSlot, Policy, Question, Ruling, Verdict},
    review::{Decision, ReviewOutcome},
    tool::{Control, Denial, DenialReason, Reversibility, ToolSpec},
};
use serde_json::{Value, json};

use super::{Drive, Stop};
use crate::context::Request;

/// What becomes of a call before its budget is looked at.
pub(super) enum Governed {
    /// It may be made; what decided stands at its outcome.
    Allowed(Value),
    /// Only with a person's approval, and nobody has been asked about exactly this.
    NeedsApproval(Box<Needed>),
    /// It is not made.
    Refused(Failure, Value),
}

/// What a person is asked about.
pub(super) struct Needed {
    pub(super) bound: Digest,
    pub(super) because: String,
    /// Control arguments that come from nowhere trusted.
    pub(super) strays: Vec<String>,
    pub(super) label: Label,
    pub(super) slot: Option<PlanSlot>,
    pub(super) agent: Option<String>,
}

/// A call of a tool as rules see it.
pub(super) struct Sight<'a> {
    pub(super) spec: &'a ToolSpec,
    pub(super) arguments: &'a Value,
    pub(super) label: Label,
    pub(super) slot: Option<PlanSlot>,
    agent: Option<String>,
}

/// Everything that calls for an approval, and the strictest that policy says.
struct Judged {
    ruling: Ruling,
    strays: Vec<String>,
    reasons: Vec<String>,
}

impl Drive {
    /// Returns the label of everything that whoever asks at a place may have seen.
    pub(super) fn label_at(&self, position: &EffectPosition) -> Label {
        self.book.run.label_of(&self.flow.wiring, &position.step)
    }

    /// Looks whether a call of a tool may be made.
    pub(super) async fn govern(
        &mut self,
        request: &Request,
        spec: &ToolSpec,
        arguments: &Value,
    ) -> Result<Governed, Stop> {
        let sight = self.sight(&request.position, spec, arguments);
        let judged = match self.judge(&request.position, &sight).await? {
            Ok(judged) => judged,
            Err(why) => return Ok(refused(sight.spec, DenialReason::Policy(why), Value::Null)),
        };
        let about = about(&judged.ruling, self.desk.runtime.policy.bundle());
        if judged.ruling.verdict == Verdict::Deny {
            let reason = DenialReason::Policy(judged.ruling.because());
            return Ok(refused(sight.spec, reason, about));
        }
        if judged.reasons.is_empty() {
            return Ok(Governed::Allowed(about));
        }
        self.with_approval(request, sight, judged, about)
    }

    fn sight<'a>(
        &self,
        position: &EffectPosition,
        spec: &'a ToolSpec,
        arguments: &'a Value,
    ) -> Sight<'a> {
        let agent = self.agent_at(position);
        // What an agent asks for inside a plan's step would not be the plan's.
        let slot = match agent {
            None => self.innermost(position, |record| record.scope.slot.is_some()),
            Some(_) => None,
        };
        Sight {
            spec,
            arguments,
            label: self.label_at(position),
            slot: slot.and_then(|record| record.scope.slot.clone()),
            agent: agent.map(ToOwned::to_owned),
        }
    }

    /// Returns the agent at work at a place, if one is.
    pub(super) fn agent_at(&self, position: &EffectPosition) -> Option<&str> {
        let agent = self.innermost(position, |record| record.scope.kind == ScopeKind::Agent);
        agent.map(|record| record.scope.name.as_str())
    }

    fn innermost(
        &self,
        position: &EffectPosition,
        fits: impl Fn(&ScopeRecord) -> bool,
    ) -> Option<&ScopeRecord> {
        let step = self.book.run.step(&position.step)?;
        step.scopes_around(position).filter(|record| fits(record)).last()
    }

    /// Puts the call before the rules: those of labels first, then those of the policy.
    async fn judge(
        &mut self,
        position: &EffectPosition,
        sight: &Sight<'_>,
    ) -> Result<Result<Judged, String>, Stop> {
        let strays = match self.strays(position, sight).await? {
            Ok(strays) => strays,
            Err(why) => return Ok(Err(why)),
        };
        let left = self.left(position);
        let run = &self.book.run;
        let question = Question {
            asker: Asker {
                tenant: &run.tenant,
                flow: &run.flow.name,
                step: &position.step.step,
                agent: sight.agent.as_deref(),
            },
            tool: sight.spec,
            arguments: sight.arguments,
            label: &sight.label,
            left: &left,
            slot: sight.slot.as_ref(),
        };
        Ok(weigh(self.desk.runtime.policy.as_ref(), &question, strays))
    }

    /// A call that needs an approval: looks whether a person has given it for exactly this call.
    fn with_approval(
        &self,
        request: &Request,
        sight: Sight<'_>,
        judged: Judged,
        mut about: Value,
    ) -> Result<Governed, Stop> {
        let arguments = request.arguments.digest();
        let policy = self.desk.runtime.policy.bundle();
        let Sight { spec, label, slot, agent, .. } = sight;
        let bound = Bound::new(spec, arguments, policy, slot.as_ref(), &label)?.digest()?;
        let record = self.book.run.effect(&request.position);
        let approval = record.and_then(|record| record.approval.as_ref());
        let said = approval.and_then(|approval| Some((approval, approval.outcome.as_ref()?)));
        if let Some((approval, outcome)) = said {
            match self.allowed_by(outcome, spec) {
                Some(Ok(by)) if approval.bound == bound => {
                    note(&mut about, json!({ "review": approval.review_id, "by": by }));
                    return Ok(Governed::Allowed(about));
                }
                Some(Err(why)) => return Ok(refused(spec, DenialReason::Rejected(why), about)),
                // What was approved is another call, or was approved by whoever asked for it.
                Some(Ok(_)) | None => {}
            }
        }
        let (because, strays) = (judged.reasons.join("; "), judged.strays);
        Ok(Governed::NeedsApproval(Box::new(Needed { bound, because, strays, label, slot, agent })))
    }

    /// Returns who approved, or why the call is not made; `None` if the approval does not count.
    fn allowed_by(
        &self,
        outcome: &ReviewOutcome,
        spec: &ToolSpec,
    ) -> Option<Result<String, String>> {
        let ReviewOutcome::Decided { decision, by, .. } = outcome else {
            return Some(Err("nobody approved it in time".to_owned()));
        };
        let own = self.book.run.requested_by.as_ref() == Some(by);
        match decision {
            Decision::Approve { .. }
                if own && spec.reversibility == Reversibility::Irreversible =>
            {
                None
            }
            Decision::Approve { .. } => Some(Ok(by.clone())),
            Decision::Reject { reason } => Some(Err(format!("{by}: {reason}"))),
            Decision::Amend { subject, .. } => {
                let wanted = subject.get("arguments").unwrap_or(subject);
                Some(Err(format!("{by} would approve other arguments: {wanted}")))
            }
            Decision::Respond { text } => Some(Err(format!("{by}: {text}"))),
        }
    }
}

/// Asks the policy, and gathers everything that calls for an approval.
fn weigh(
    policy: &dyn Policy,
    question: &Question<'_>,
    strays: Vec<String>,
) -> Result<Judged, String> {
    let ruling = policy.judge(question).map_err(|fault| format!("it has no ruling: {fault}"))?;
    let (spec, label) = (question.tool, question.label);
    let by_tool = match &spec.approval {
        Some(condition) => {
            let holds = policy.holds(condition, question);
            let holds = holds.map_err(|fault| format!("its condition has no value: {fault}"))?;
            holds.then(|| format!("the tool asks for an approval when `{condition}`"))
        }
        None => None,
    };
    let by_policy = (ruling.verdict == Verdict::RequireApproval).then(|| ruling.because());
    let by_origin = (!strays.is_empty())
        .then(|| format!("`{}` comes from no trusted value", strays.join("`, `")));
    let private = label.integrity == Integrity::Untrusted && label.readers != Readers::Public;
    let by_two = (private && spec.reaches_out())
        .then(|| "untrusted text and private data have met before it".to_owned());
    let reasons = [by_policy, by_tool, by_origin, by_two].into_iter().flatten().collect();
    Ok(Judged { ruling, strays, reasons })
}

impl Sight<'_> {
    /// Returns whether a model chose the call and its arguments.
    pub(super) const fn by_agent(&self) -> bool {
        self.agent.is_some()
    }

    /// Which arguments decide. What step code passes its author chose, as far as nothing is declared; of what a model passes
    /// every argument decides unless the tool says which do.
    pub(super) fn control(&self) -> Control {
        match (&self.spec.control, &self.agent) {
            (Control::All, None) => Control::none(),
            (control, _) => control.clone(),
        }
    }
}

fn refused(spec: &ToolSpec, reason: DenialReason, about: Value) -> Governed {
    let denial = Denial { tool: spec.name.clone(), reason };
    Governed::Refused(denial.into_failure(), about)
}

/// What decided, as it stands at the call's outcome; nothing where no rule is loaded.
fn about(ruling: &Ruling, bundle: Digest) -> Value {
    if bundle == Digest::ZERO {
        return Value::Null;
    }
    let mut policy = json!({ "bundle": bundle, "verdict": ruling.verdict });
    if let Some(fields) = policy.as_object_mut() {
        let rules: Vec<_> = ruling.applied.iter().map(|applied| &applied.rule).collect();
        fields.extend((!rules.is_empty()).then(|| ("rules".to_owned(), json!(rules))));
        fields.extend(ruling.would_be.map(|verdict| ("would_be".to_owned(), json!(verdict))));
    }
    json!({ "policy": policy })
}

fn note(about: &mut Value, approval: Value) {
    match about.as_object_mut() {
        Some(fields) => drop(fields.insert("approval".to_owned(), approval)),
        None => *about = json!({ "approval": approval }),
    }
}

/// Why a call is not made again whose approval was for another one.
pub(super) fn approval_lost(spec: &ToolSpec) -> Failure {
    let why = format!("the approval of `{}` does not cover this call any more", spec.name);
    Failure::permanent(Code::ToolRefused, why)
}
