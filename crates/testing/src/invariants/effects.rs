//! I4, I6, I8, I10: what was done, and with whose leave.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_core::{
    digest::Digest,
    effect::{EffectHead, EffectOutcome, EffectPosition},
    failure::Retryability,
    inbox::InboxBody,
    journal::Entry,
};

use super::evidence::Evidence;
use crate::crash::Arrival;

pub(super) fn broken(evidence: &Evidence) -> Vec<String> {
    let mut broken = repeated(evidence);
    let root = evidence.entries().find_map(|entry| match entry {
        Entry::Created(created) => Some(created.key_root),
        _ => None,
    });
    let heads = heads(evidence);
    for arrival in &evidence.arrivals {
        broken.extend(root.and_then(|root| under_another_key(arrival, root)));
        broken.extend(unannounced(evidence, arrival));
        broken.extend(without_leave(evidence, arrival));
        broken.extend(heads.get(&arrival.position).and_then(|head| otherwise(arrival, head)));
    }
    broken
}

/// Outcomes and decisions that stand there twice. A failure that may mend is no outcome any more
/// once its step is tried again.
fn repeated(evidence: &Evidence) -> Vec<String> {
    let (mut settled, mut decided, mut broken) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    for entry in evidence.entries() {
        match entry {
            Entry::EffectSettled(effect) => {
                let mends = matches!(&effect.outcome, EffectOutcome::Failed(failure)
                    if failure.retry == Retryability::Retryable);
                if settled.insert(&effect.position, mends).is_some() {
                    broken.push(format!("I4: a second outcome of {}", effect.position));
                }
            }
            Entry::StepFailed { step, retry_at: Some(_), .. } => {
                settled.retain(|position, mends| position.step != *step || !*mends);
            }
            Entry::Received { message: InboxBody::Reviewed { review_id, .. }, .. }
                if !decided.insert(review_id) =>
            {
                broken.push(format!("I10: {review_id} was decided twice"));
            }
            _ => {}
        }
    }
    broken
}

/// What the journal says was asked for, by place.
fn heads(evidence: &Evidence) -> BTreeMap<EffectPosition, &EffectHead> {
    let named = evidence.entries().filter_map(|entry| match entry {
        Entry::EffectIntended { position, head, .. }
        | Entry::EffectAttempted { position, head, .. } => Some((position.clone(), head)),
        Entry::EffectSettled(effect) => Some((effect.position.clone(), &effect.head)),
        _ => None,
    });
    named.collect()
}

fn under_another_key(arrival: &Arrival, root: Digest) -> Option<String> {
    let wanted = arrival.position.key(root).to_string();
    (arrival.key != wanted)
        .then(|| format!("I4: `{}` at {} came under another key", arrival.tool, arrival.position))
}

/// An action that may be in doubt one day is announced before it is sent.
fn unannounced(evidence: &Evidence, arrival: &Arrival) -> Option<String> {
    let spec = evidence.specs.get(&arrival.tool)?;
    (spec.needs_intent() && !arrival.announced).then(|| {
        format!("I6: `{}` at {} was sent before its intent", arrival.tool, arrival.position)
    })
}

fn without_leave(evidence: &Evidence, arrival: &Arrival) -> Option<String> {
    let definition = evidence.wiring.definition();
    let step = definition.index(&arrival.position.step.step)?;
    let granted = definition.steps.get(step)?.options.callable().allow(&arrival.tool);
    (!granted)
        .then(|| format!("I8: `{}` is not granted to {}", arrival.tool, arrival.position.step))
}

fn otherwise(arrival: &Arrival, head: &EffectHead) -> Option<String> {
    let same = head.name == arrival.tool && head.arguments == arrival.arguments;
    (!same).then(|| format!("I8: `{}` came where the journal holds {head}", arrival.tool))
}
