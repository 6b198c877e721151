//! The fold's half about steps: due, open, retried, finished, undone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FoldError, Projection, effects::EffectRecord};
use crate::{
    budget::{Limits, Spend},
    digest::Digest,
    effect::StepKey,
    failure::{Failure, Retryability},
    flow::{
        StepDefinition, StepKind, StepName,
        schedule::{Ancestry, Arrival, Wiring},
    },
    journal::Began,
    label::Label,
    payload::{Held, PayloadRef},
    time::Timestamp,
};

/// Where a StepRun stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its trigger holds and it has not started.
    Due,
    /// An attempt began and has no end.
    Open,
    /// An attempt failed; the next begins at this time.
    Retrying {
        /// When.
        at: Timestamp,
    },
    /// It left its output.
    Finished,
    /// It failed for good.
    Failed(Failure),
}

/// One execution of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    /// Which.
    pub key: StepKey,
    /// Where it stands.
    pub phase: Phase,
    /// The attempt that runs or ran last, from 1; 0 before the first.
    pub attempt: u32,
    /// The visits of the steps on the path that led here, itself included.
    pub ancestry: Ancestry,
    /// The state it sees, fixed when it first starts.
    pub pinned: Option<Held>,
    /// Hash of the body its last attempt began with.
    pub body: Digest,
    /// Whether a worker died in this attempt: something may have been sent that no entry tells of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// Its output.
    pub output: Option<Held>,
    /// The variant it picked, if it is a router.
    pub variant: Option<String>,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why earlier attempts failed.
    pub failures: Vec<Failure>,
    /// Its effects, in the order the journal first names them. Emptied when it finishes.
    pub effects: Vec<EffectRecord>,
    /// The StepRun it undoes, if it is a compensation.
    pub undoes: Option<StepKey>,
    /// What a compensation takes of what it undoes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<StepName, Held>,
    /// What its effects have used so far; the step's own limits are held against it.
    pub spent: Spend,
    /// What a person added to the run's limits since it first started: it counts for the step's own
    /// limits too, and for those of its scopes.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub topped_up: Limits,
    /// Its place among those that finished before the journal began, where an older program wrote
    /// the fold: today's order is that of [`Undoable`](super::undo::Undoable)s.
    #[serde(default, skip_serializing_if = "crate::journal::is_zero")]
    pub rank: u32,
}

impl StepRun {
    /// Returns whether an attempt began and the StepRun has not ended.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Retrying { .. })
    }

    /// Returns whether this definition's code may go on with the attempt: it is the code the
    /// attempt began with, or differs from it by patches alone. After a crash only the very same
    /// code may: it repeats what may have been sent, under the same key.
    #[must_use]
    pub fn goes_on_with(&self, definition: &StepDefinition) -> bool {
        self.body == definition.body || !self.interrupted && definition.before.contains(&self.body)
    }

    /// Returns the labels of everything it has seen besides its inputs: its state and what its
    /// effects brought.
    pub fn labels(&self) -> impl Iterator<Item = &Label> {
        let seen = self.effects.iter().filter_map(EffectRecord::held);
        self.pinned.iter().chain(seen).map(|held| &held.payload.label)
    }

    /// Returns whether an action of it may have happened and nobody knows what became of it.
    #[must_use]
    pub fn has_open_action(&self) -> bool {
        self.is_open() && self.effects.iter().any(EffectRecord::is_open_action)
    }

    /// Returns whether it is carried to its end although the run is asked to end: it undoes
    /// something, or an action of it is not accounted for. Every other open StepRun is let go.
    #[must_use]
    pub fn outlasts_the_end(&self) -> bool {
        self.undoes.is_some() || self.has_open_action()
    }

    /// Returns whether it has ended, well or not.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Finished | Phase::Failed(_))
    }
}

impl Projection {
    /// Returns a StepRun.
    #[must_use]
    pub fn step(&self, key: &StepKey) -> Option<&StepRun> {
        self.steps.iter().rev().find(|step| step.key == *key)
    }

    pub(crate) fn step_mut(&mut self, key: &StepKey) -> Result<&mut StepRun, FoldError> {
        let found = self.steps.iter_mut().rev().find(|step| step.key == *key);
        found.ok_or_else(|| FoldError::Unknown(format!("the step {key}")))
    }

    /// Returns the output that `key` takes from a producer: the one on its own path, else the
    /// latest.
    #[must_use]
    pub fn producer(&self, key: &StepKey, from: &StepName) -> Option<&Held> {
        let step = self.step(key);
        if let Some(given) = step.and_then(|step| step.inputs.get(from)) {
            return Some(given);
        }
        let visit = step.and_then(|step| step.ancestry.get(from));
        let fits = |step: &&StepRun| {
            step.key.step == *from && visit.is_none_or(|visit| step.key.visit == visit)
        };
        self.steps.iter().rev().filter(fits).find_map(|step| step.output.as_ref())
    }

    /// Returns the label of what a step makes of its state, its inputs and its effects: joins only
    /// get stricter.
    #[must_use]
    pub fn label_of(&self, wiring: &Wiring, key: &StepKey) -> Label {
        let inputs = wiring.look_up(&key.step).map(|step| step.inputs.as_slice());
        let inputs = inputs.unwrap_or_default().iter();
        let outputs = inputs.filter_map(|i| self.producer(key, &i.from));
        let seen = self.step(key).into_iter().flat_map(StepRun::labels);
        Label::of_all(outputs.map(|held| &held.payload.label).chain(seen))
    }

    /// Makes a step due and returns its key.
    pub fn make_due(&mut self, step: StepName, mut ancestry: Ancestry) -> StepKey {
        let visit = self.next_visit(&step);
        ancestry.go_on(step.clone(), visit);
        let key = StepKey { step, visit };
        self.steps.push(StepRun {
            key: key.clone(),
            phase: Phase::Due,
            attempt: 0,
            ancestry,
            pinned: None,
            body: Digest::ZERO,
            interrupted: false,
            output: None,
            variant: None,
            started_at: None,
            ended_at: None,
            failures: Vec::new(),
            effects: Vec::new(),
            undoes: None,
            inputs: BTreeMap::new(),
            spent: Spend::ZERO,
            topped_up: Limits::none(),
            rank: 0,
        });
        key
    }

    /// Returns the visit a step would be entered with next.
    #[must_use]
    pub fn next_visit(&self, step: &str) -> u32 {
        let kept = self.steps.iter().filter(|run| &*run.key.step == step).count();
        let past = self.past.get(step).copied().unwrap_or(0);
        u32::try_from(kept).unwrap_or(u32::MAX).saturating_add(past).saturating_add(1)
    }

    /// Opens a StepRun. The live run does so before anything is written of it, and once more with
    /// the entry that tells of it: the second time changes nothing.
    ///
    /// # Errors
    /// The journal does not know the step.
    pub fn begin_step(
        &mut self,
        wiring: &Wiring,
        key: &StepKey,
        began: Began,
    ) -> Result<(), FoldError> {
        if self.step(key).is_none() {
            self.make_undo_due(wiring, key);
        }
        let state = self.state.clone();
        let step = self.step_mut(key)?;
        step.phase = Phase::Open;
        step.attempt = began.attempt;
        step.body = began.body;
        step.interrupted = false;
        step.pinned.get_or_insert(state);
        step.started_at.get_or_insert(began.at);
        Ok(())
    }

    pub(super) fn step_finished(
        &mut self,
        wiring: &Wiring,
        key: &StepKey,
        output: &PayloadRef,
        state: Option<&PayloadRef>,
        at: Timestamp,
    ) -> Result<(), FoldError> {
        if let Some(state) = state {
            self.state = self.hold(state);
        }
        let output = self.hold(output);
        let step = self.step_mut(key)?;
        step.phase = Phase::Finished;
        step.output = Some(output);
        step.ended_at = Some(at);
        step.pinned = None;
        step.effects.clear();
        if let Some(undoes) = step.undoes.clone() {
            self.undone.push((undoes.to_string(), None));
        } else {
            self.may_be_undone(wiring, key);
            self.arrive(wiring, key, Arrival::Step);
        }
        Ok(())
    }

    pub(super) fn step_failed(
        &mut self,
        key: &StepKey,
        attempt: u32,
        failure: &Failure,
        retry_at: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<(), FoldError> {
        let step = self.step_mut(key)?;
        step.attempt = attempt;
        step.failures.push(failure.clone());
        if let Some(at) = retry_at {
            step.phase = Phase::Retrying { at };
            step.forget_failures(|failure| failure.retry == Retryability::Retryable);
            return Ok(());
        }
        step.phase = Phase::Failed(failure.clone());
        step.ended_at = Some(at);
        if let Some(undoes) = step.undoes.clone() {
            self.undone.push((undoes.to_string(), Some(failure.clone())));
        }
        Ok(())
    }

    pub(super) fn routed(
        &mut self,
        wiring: &Wiring,
        key: &StepKey,
        variant: &str,
        at: Timestamp,
    ) -> Result<(), FoldError> {
        let definition = wiring.look_up(&key.step);
        let Some(StepKind::Router(route)) = definition.map(|step| step.kind.clone()) else {
            return Err(FoldError::Unknown(format!("the router {key}")));
        };
        let step = self.step_mut(key)?;
        step.phase = Phase::Finished;
        step.attempt = 1;
        step.variant = Some(variant.to_owned());
        step.started_at = Some(at);
        step.ended_at = Some(at);
        self.arrive(wiring, key, Arrival::Route { route: &route.name, variant });
        Ok(())
    }

    fn arrive(&mut self, wiring: &Wiring, key: &StepKey, arrival: Arrival<'_>) {
        let path = self.step(key).map(|step| step.ancestry.clone()).unwrap_or_default();
        let effects = wiring.arrive(&mut self.joins, key, &path, arrival);
        if self.unwinding {
            return;
        }
        for (step, ancestry) in effects.due {
            self.make_due(step, ancestry);
        }
    }

    /// Returns the steps that an arrival would reach too late, without taking it: the `absorbed`
    /// list of its entry.
    #[must_use]
    pub fn absorbed(&self, wiring: &Wiring, key: &StepKey, arrival: Arrival<'_>) -> Vec<StepName> {
        if self.joins.iter().all(|join| !join.fired) {
            return Vec::new();
        }
        let path = self.step(key).map(|step| step.ancestry.clone()).unwrap_or_default();
        wiring.arrive(&mut self.joins.clone(), key, &path, arrival).absorbed
    }

    pub(super) fn retry_now(&mut self) {
        let now = self.at;
        for step in &mut self.steps {
            if let Phase::Retrying { at } = &mut step.phase {
                *at = (*at).min(now);
            }
        }
    }
}

impl StepRun {
    /// Forgets failures that another attempt may mend, of those that `may_mend` names: known not to
    /// have taken effect, after which the code asked for nothing more. A failure that the code saw
    /// and went on from stays, so that attempt takes the same path.
    pub(super) fn forget_failures(&mut self, may_mend: impl Fn(&Failure) -> bool) {
        let mut seen: Vec<_> = self.effects.iter().filter(|e| e.resolution.is_some()).collect();
        seen.sort_by_key(|effect| effect.resolved_at);
        let built_upon = self.effects.iter().map(|effect| effect.seen).max().unwrap_or(0);
        let last = seen.into_iter().skip(built_upon as usize);
        let forgotten: Vec<_> = last
            .filter(|effect| effect.failure().is_some_and(&may_mend))
            .map(|effect| effect.position.clone())
            .collect();
        self.effects.retain(|effect| !forgotten.contains(&effect.position));
    }
}
