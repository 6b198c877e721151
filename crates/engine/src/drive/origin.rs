//! Where a call's arguments come from: what it acts on, and what its text links to.

use mainstay_core::{
    effect::{EffectKind, EffectPosition},
    fold::effects::{EffectRecord, Resolution},
    label::{Integrity, Label},
    provenance::TrustedValues,
    review::{Decision, ReviewOutcome},
};
use serde_json::{Value, json};

use super::{Drive, Stop, govern::Sight};

impl Drive {
    /// Returns the control arguments that come from no trusted value, or why the call is not made.
    pub(super) async fn strays(
        &mut self,
        position: &EffectPosition,
        sight: &Sight<'_>,
    ) -> Result<Result<Vec<String>, String>, Stop> {
        let untrusted = sight.label.integrity == Integrity::Untrusted;
        // A model is a stranger whatever it has read; step code is its author's.
        let by_a_stranger = sight.by_agent() || untrusted;
        if !by_a_stranger || !sight.spec.reaches_out() {
            return Ok(Ok(Vec::new()));
        }
        let trusted = self.trusted_values(position).await?;
        if let Some(why) = self.strange_links(sight, &trusted).filter(|_| untrusted) {
            return Ok(Err(why));
        }
        if sight.slot.is_some() || !sight.spec.changes_something() {
            return Ok(Ok(Vec::new()));
        }
        Ok(Ok(trusted.strays(&sight.control(), sight.arguments)))
    }

    /// Text from outside must not carry a link out to a host that nobody allowed.
    fn strange_links(&self, sight: &Sight<'_>, trusted: &TrustedValues) -> Option<String> {
        let hosts = self.desk.runtime.links.strangers(sight.arguments).into_iter();
        let strange: Vec<_> = hosts.filter(|host| !trusted.link_to(host)).collect();
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
                // What a model says, it may have made up.
                (None, Some(_)) if effect.head.kind == EffectKind::Model => {}
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
}

fn written_by_a_person(effect: &EffectRecord) -> Option<Value> {
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
