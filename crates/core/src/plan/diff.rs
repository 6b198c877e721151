//! What changed from one version of a plan to the next.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::tool::ToolSpec;

use super::{
    Plan,
    slot::{INPUT, slots},
};

/// The difference between two versions, by the ids of the steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDiff {
    /// Steps that only the later version has.
    pub added: Vec<String>,
    /// Steps that only the earlier version has.
    pub removed: Vec<String>,
    /// Steps that both have, and not alike, or not at the same place among the steps that both have.
    pub changed: Vec<String>,
    /// Tools that change something outside and that the first version did not call.
    pub new_state_changing: Vec<String>,
    /// Steps that change something outside and that the first version did not have, just so: the
    /// same call with the same arguments, bound to the same steps. A person must agree to them, for
    /// a payment to somebody else is another intent although the tool is the same.
    pub to_approve: Vec<String>,
}

/// Compares two versions. `first` is the plan whose intent counts.
#[must_use]
pub fn diff(first: &Plan, before: &Plan, after: &Plan, specs: &[ToolSpec]) -> PlanDiff {
    let only = |of: &Plan, other: &Plan| -> Vec<String> {
        let missing = of.steps.iter().filter(|step| other.step(&step.id).is_none());
        missing.map(|step| step.id.clone()).collect()
    };
    let kept = |of: &Plan, other: &Plan| -> Vec<String> {
        let both = of.steps.iter().filter(|step| other.step(&step.id).is_some());
        both.map(|step| step.id.clone()).collect()
    };
    let places = kept(before, after).into_iter().zip(kept(after, before));
    let moved: BTreeSet<_> = places.filter(|(a, b)| a != b).flat_map(|(a, b)| [a, b]).collect();
    let changed = kept(after, before)
        .into_iter()
        .filter(|id| moved.contains(id) || before.step(id) != after.step(id));
    let intended: BTreeSet<_> = first.state_changing(specs).map(|step| &step.tool).collect();
    let acting: BTreeSet<_> = after.state_changing(specs).map(|step| &step.tool).collect();
    PlanDiff {
        added: only(after, before),
        removed: only(before, after),
        changed: changed.collect(),
        new_state_changing: acting.difference(&intended).map(|tool| (*tool).clone()).collect(),
        to_approve: after
            .state_changing(specs)
            .filter(|step| !is_intended(first, after, &step.id))
            .map(|step| step.id.clone())
            .collect(),
    }
}

/// Returns whether a step does what the first version meant it to: it is the same there, and so is
/// every step that its slots lead to.
fn is_intended(first: &Plan, after: &Plan, id: &str) -> bool {
    let mut open = vec![id.to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        let same = first.step(&id).is_some_and(|step| Some(step) == after.step(&id));
        if id != INPUT && !same {
            return false;
        }
        let sources = after.step(&id).map(|step| slots(&step.args)).unwrap_or_default();
        let sources = sources.into_iter().filter_map(|(_, slot)| slot.ok()).map(|slot| slot.from);
        open.extend(sources.filter(|source| seen.insert(source.clone())));
    }
    true
}
