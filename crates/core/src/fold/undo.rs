//! The fold's half about undoing: what is to be undone, and what undoing it takes.
//!
//! A step that finishes and has a compensation is written down here at once, with all its
//! compensation will ask for: the StepRun itself may be let go of long before the run is undone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Projection,
    steps::{Phase, StepRun},
};
use crate::{
    effect::StepKey,
    flow::{
        Input, StepName,
        schedule::{Ancestry, Wiring},
    },
    payload::Held,
};

/// A finished step that a compensation undoes if the run fails or is cancelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undoable {
    /// Which.
    pub key: StepKey,
    /// The visits of the steps on the path that led to it, itself included.
    pub ancestry: Ancestry,
    /// What its compensation takes of that path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<StepName, Held>,
}

impl Projection {
    /// Returns what is undone next, and by which compensation: of all that was not tried yet, what
    /// finished last.
    #[must_use]
    pub fn next_undo(&self, wiring: &Wiring) -> Option<(StepKey, StepName)> {
        let mut left = self.undoables.iter().rev();
        left.find_map(|done| Some((done.key.clone(), compensation(wiring, &done.key)?)))
    }

    /// Returns whether the compensations of another version find what they take: nothing was kept
    /// that this version's do not ask for.
    #[must_use]
    pub fn can_be_undone_by(&self, other: &Wiring) -> bool {
        self.undoables.iter().all(|done| {
            let undo = compensation(other, &done.key);
            let mut on_path =
                inputs(other, undo.as_ref()).filter(|i| done.ancestry.contains(&i.from));
            on_path.all(|input| done.inputs.contains_key(&input.from))
        })
    }

    /// Writes down a step that finished, if there is a compensation for it.
    pub(super) fn may_be_undone(&mut self, wiring: &Wiring, key: &StepKey) {
        let Some(undo) = compensation(wiring, key) else { return };
        let Some(ancestry) = self.step(key).map(|step| step.ancestry.clone()) else { return };
        let on_path = inputs(wiring, Some(&undo)).filter(|i| ancestry.contains(&i.from));
        let inputs = on_path
            .filter_map(|i| Some((i.from.clone(), self.producer(key, &i.from)?.clone())))
            .collect();
        self.undoables.push(Undoable { key: key.clone(), ancestry, inputs });
    }

    /// Makes the compensation that stands next in line due, with the values the undone step had.
    /// Nothing in the graph triggers it: its first beginning does.
    pub(super) fn make_undo_due(&mut self, wiring: &Wiring, key: &StepKey) {
        let Some((undoes, undo)) = self.next_undo(wiring) else { return };
        if !self.unwinding || undo != key.step {
            return;
        }
        let Some(place) = self.undoables.iter().rposition(|done| done.key == undoes) else {
            return;
        };
        let done = self.undoables.remove(place);
        let due = self.make_due(undo, done.ancestry);
        if let Ok(step) = self.step_mut(&due) {
            step.undoes = Some(undoes);
            step.inputs = done.inputs;
        }
    }

    /// Writes down what is to be undone where a fold still keeps every StepRun for it.
    pub(super) fn find_undoables(&mut self, wiring: &Wiring) {
        let tried: Vec<_> = self.steps.iter().filter_map(|step| step.undoes.clone()).collect();
        let done = |step: &&StepRun| step.phase == Phase::Finished && !tried.contains(&step.key);
        let place = |step: &StepRun| step.output.as_ref().map_or(0, |output| output.at);
        let done = self.steps.iter().filter(done);
        let mut done: Vec<_> = done.map(|s| (place(s), s.rank, s.key.clone())).collect();
        done.sort();
        done.into_iter().for_each(|(_, _, key)| self.may_be_undone(wiring, &key));
        self.steps.iter_mut().for_each(|step| step.rank = 0);
    }
}

fn compensation(wiring: &Wiring, key: &StepKey) -> Option<StepName> {
    wiring.look_up(&key.step)?.options.compensate.clone()
}

fn inputs<'a>(wiring: &'a Wiring, step: Option<&StepName>) -> impl Iterator<Item = &'a Input> {
    let step = step.and_then(|name| wiring.look_up(name));
    step.map(|step| step.inputs.as_slice()).unwrap_or_default().iter()
}
