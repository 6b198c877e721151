//! Between schema and budget: labels, policy, and a person's leave.
//!
//! All of it narrows. A call that is neither forbidden nor in need of leave goes on; one that needs
//! leave goes on with the leave of a person for exactly these bytes, and with no other.

use mainstay_core::{
    approval::Bound,
    code::Code,
    digest::Digest,
    effect::EffectPosition,
    effects::ScopeKind,
    failure::Failure,
    fold::{effects::EffectRecord, scopes::ScopeRecord},
    label::{Integrity, Label, Readers},
    policy::{Asker, PlanSlot, Question, Ruling, Verdict},
    provenance::TrustedValues,
    review::{Decision, ReviewOutcome},
    tool::{Control, Denial, DenialReason, Reversibility, ToolSpec},
};
use serde_json::{Value, json};

use super::{Drive, Stop};
use crate::context::Request;

/// What becomes of a call before its budget is looked at.
pub(super) enum Leave {
    /// It may be made; what decided stands at its outcome.
    Given(Value),
    /// Only with a person's leave, and nobody has been asked about exactly this.
    Needed(Box<Needed>),
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
struct Sight<'a> {
    spec: &'a ToolSpec,
    arguments: &'a Value,
    label: Label,
    slot: Option<PlanSlot>,
    agent: Option<String>,
}

/// Everything that asks for leave, and the strictest that policy says.
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
    pub(super) async fn leave(
        &mut self,
        request: &Request,
        spec: &ToolSpec,
        arguments: &Value,
    ) -> Result<Leave, Stop> {
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
            return Ok(Leave::Given(about));
        }
        self.with_leave(request, sight, judged, about)
    }

    fn sight<'a>(
        &self,
        position: &EffectPosition,
        spec: &'a ToolSpec,
        arguments: &'a Value,
    ) -> Sight<'a> {
        let step = self.book.run.step(&position.step);
        let around: Vec<_> = step.iter().flat_map(|step| step.scopes_around(position)).collect();
        let inner = |found: &dyn Fn(&ScopeRecord) -> bool| {
            around.iter().rev().find(|record| found(record)).copied()
        };
        let agent = inner(&|record| record.scope.kind == ScopeKind::Agent);
        // What an agent asks for inside a plan's step would not be the plan's.
        let slot = match agent {
            None => inner(&|record| record.scope.slot.is_some()),
            Some(_) => None,
        };
        Sight {
            spec,
            arguments,
            label: self.label_at(position),
            slot: slot.and_then(|record| record.scope.slot.clone()),
            agent: agent.map(|record| record.scope.name.clone()),
        }
    }

    /// Puts the call before the rules: those of the program first, then those of the policy.
    async fn judge(
        &mut self,
        position: &EffectPosition,
        sight: &Sight<'_>,
    ) -> Result<Result<Judged, String>, Stop> {
        let tainted = sight.label.integrity == Integrity::Untrusted;
        let acts = sight.spec.changes_something();
        let mut strays = Vec::new();
        if tainted && sight.spec.reaches_out() {
            let trusted = self.trusted_values(position).await?;
            if let Some(why) = self.strange_links(sight, &trusted) {
                return Ok(Err(why));
            }
            if acts && sight.slot.is_none() {
                strays = trusted.strays(&sight.control(), sight.arguments);
            }
        }
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
        let policy = self.desk.runtime.policy.as_ref();
        let ruling = match policy.judge(&question) {
            Ok(ruling) => ruling,
            Err(fault) => return Ok(Err(format!("it has no ruling: {fault}"))),
        };
        let mut reasons = Vec::new();
        if ruling.verdict == Verdict::RequireApproval {
            reasons.push(ruling.because());
        }
        if let Some(condition) = &sight.spec.approval {
            match policy.holds(condition, &question) {
                Ok(true) => reasons.push(format!("the tool asks for leave when `{condition}`")),
                Ok(false) => {}
                Err(fault) => return Ok(Err(format!("its condition has no value: {fault}"))),
            }
        }
        if !strays.is_empty() {
            let names = strays.join("`, `");
            reasons.push(format!("`{names}` comes from no trusted value"));
        }
        if tainted && sight.label.readers != Readers::Public && sight.spec.reaches_out() {
            reasons.push("untrusted text and private data have met before it".to_owned());
        }
        Ok(Ok(Judged { ruling, strays, reasons }))
    }

    /// Text from outside must not carry a link out to a host that nobody allowed.
    fn strange_links(&self, sight: &Sight<'_>, trusted: &TrustedValues) -> Option<String> {
        let hosts = self.desk.runtime.links.strangers(sight.arguments);
        let strange: Vec<_> =
            hosts.into_iter().filter(|host| !trusted.cover(&json!(host))).collect();
        let named = strange.join("`, `");
        (!strange.is_empty()).then(|| {
            format!("untrusted text links to `{named}`, which is not on the list of hosts")
        })
    }

    /// Returns the values that a control argument at a place may have: those of trusted data that
    /// the step has seen, what the author told the agents around it, and what a person wrote.
    async fn trusted_values(&mut self, position: &EffectPosition) -> Result<TrustedValues, Stop> {
        let mut values = TrustedValues::default();
        let key = &position.step;
        let Some(step) = self.book.run.step(key) else { return Ok(values) };
        let mut held = vec![self.book.run.input.clone()];
        held.extend(step.pinned.clone());
        let definition = self.definition(key).map(|(_, definition)| definition);
        let inputs = definition.iter().flat_map(|step| &step.inputs);
        let produced = inputs.filter_map(|i| self.book.run.producer(key, &i.from));
        held.extend(produced.cloned());
        let mut told = Vec::new();
        for effect in &step.effects {
            match (&effect.scope, effect.held()) {
                (Some(opened), Some(pinned)) => {
                    told.push((pinned.clone(), opened.scope.told.clone()));
                }
                (None, Some(result)) => held.push(result.clone()),
                (_, None) => {}
            }
            written_by_a_person(effect).into_iter().for_each(|value| values.take(&value));
        }
        let is_trusted = |label: &Label| label.integrity == Integrity::Trusted;
        for held in held.iter().filter(|held| is_trusted(&held.payload.label)) {
            values.take(&*self.book.shared(held).await?);
        }
        for (pinned, places) in told.iter().filter(|(held, _)| is_trusted(&held.payload.label)) {
            let opening = self.book.shared(pinned).await?;
            let texts = places.iter().filter_map(|at| opening.pointer(&format!("/pinned{at}")));
            texts.for_each(|text| values.take(text));
        }
        Ok(values)
    }

    /// A call that needs leave: looks whether a person has given it for exactly this call.
    fn with_leave(
        &self,
        request: &Request,
        sight: Sight<'_>,
        judged: Judged,
        mut about: Value,
    ) -> Result<Leave, Stop> {
        let arguments = request.arguments.digest();
        let policy = self.desk.runtime.policy.bundle();
        let Sight { spec, label, slot, agent, .. } = sight;
        let bound = Bound::new(spec, arguments, policy, slot.as_ref(), &label)?.digest()?;
        let record = self.book.run.effect(&request.position);
        let approval = record.and_then(|record| record.approval.as_ref());
        let said = approval.and_then(|approval| Some((approval, approval.outcome.as_ref()?)));
        if let Some((approval, outcome)) = said {
            match self.heard(outcome, spec) {
                Some(Ok(by)) if approval.bound == bound => {
                    note(&mut about, json!({ "review": approval.review_id, "by": by }));
                    return Ok(Leave::Given(about));
                }
                Some(Err(why)) => return Ok(refused(spec, DenialReason::Rejected(why), about)),
                // What was approved is another call, or was approved by whoever asked for it.
                Some(Ok(_)) | None => {}
            }
        }
        let (because, strays) = (judged.reasons.join("; "), judged.strays);
        Ok(Leave::Needed(Box::new(Needed { bound, because, strays, label, slot, agent })))
    }

    /// Returns who approved, or why the call is not made; `None` if the approval does not count.
    fn heard(&self, outcome: &ReviewOutcome, spec: &ToolSpec) -> Option<Result<String, String>> {
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

impl Sight<'_> {
    /// What step code passes its author chose, as far as nothing is declared; of what a model passes
    /// every argument decides unless the tool says which do.
    fn control(&self) -> Control {
        match (&self.spec.control, &self.agent) {
            (Control::All, None) => Control::none(),
            (control, _) => control.clone(),
        }
    }
}

fn written_by_a_person(effect: &EffectRecord) -> Option<Value> {
    use mainstay_core::fold::effects::Resolution;
    let Some(Resolution::Reviewed(ReviewOutcome::Decided { decision, .. })) = &effect.resolution
    else {
        return None;
    };
    match decision {
        Decision::Amend { subject, .. } => Some(subject.clone()),
        Decision::Respond { text } => Some(json!(text)),
        Decision::Approve { .. } | Decision::Reject { .. } => None,
    }
}

fn refused(spec: &ToolSpec, reason: DenialReason, about: Value) -> Leave {
    let denial = Denial { tool: spec.name.clone(), reason };
    Leave::Refused(denial.into_failure(), about)
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

/// The code of a call that was not made for want of leave that came too late or for another call.
pub(super) fn leave_lost(spec: &ToolSpec) -> Failure {
    let why = format!("the leave for `{}` does not cover this call any more", spec.name);
    Failure::permanent(Code::ToolRefused, why)
}
