//! The fold's half about forks: a projection that stands on its own, under a new run.

use super::{
    Projection,
    effects::{EffectRecord, Resolution},
    steps::{Phase, StepRun},
};
use crate::{
    budget::Ledger,
    effect::EffectPosition,
    id::RunId,
    journal::{Created, Leave},
    payload::Held,
    run::RunStatus,
    time::Timestamp,
};

impl Projection {
    /// Returns every payload the fold refers to, to be given another place.
    pub fn held_mut(&mut self) -> Vec<&mut Held> {
        let mut held = vec![&mut self.input, &mut self.state];
        held.extend(self.output.as_mut());
        held.extend(self.signals.iter_mut().map(|(_, payload)| payload));
        for step in &mut self.steps {
            held.extend(step.pinned.as_mut());
            held.extend(step.output.as_mut());
            held.extend(step.inputs.values_mut());
            held.extend(step.effects.iter_mut().flat_map(EffectRecord::held_mut));
        }
        held.extend(self.undoables.iter_mut().flat_map(|done| done.inputs.values_mut()));
        held
    }

    /// Returns every payload the fold refers to.
    pub fn held(&self) -> impl Iterator<Item = &Held> {
        let run = [&self.input, &self.state].into_iter().chain(&self.output);
        let signals = self.signals.iter().map(|(_, payload)| payload);
        let steps = self.steps.iter().flat_map(|step| {
            let own = step.pinned.iter().chain(&step.output).chain(step.inputs.values());
            own.chain(step.effects.iter().flat_map(EffectRecord::all_held))
        });
        let undoables = self.undoables.iter().flat_map(|done| done.inputs.values());
        run.chain(signals).chain(steps).chain(undoables)
    }

    /// Returns actions that may be under way: nothing can be forked in the middle of one.
    #[must_use]
    pub fn open_actions(&self) -> Vec<EffectPosition> {
        let open = self.unfinished().filter(|step| step.is_open());
        let effects = open.flat_map(|step| step.effects.iter());
        let sent = effects.filter(|effect| effect.is_open_action());
        sent.map(|effect| effect.position.clone()).collect()
    }

    /// Prepares the projection for a fork: reservations are dropped with the ledger, open waits are
    /// forgotten so that they are issued anew, failures that nothing was built upon are forgotten so
    /// that they are tried again, and how the original ended does not matter.
    pub fn detach(&mut self) {
        for step in &mut self.steps {
            step.effects.retain(|effect| effect.resolution.is_some());
            step.forget_failures(|_| true);
            step.carry_order();
            if matches!(step.phase, Phase::Failed(_)) && step.undoes.is_none() {
                step.phase = Phase::Due;
                step.attempt = 0;
                step.ended_at = None;
                step.effects.clear();
            }
        }
        self.recount_over();
        self.ending = None;
        self.unwinding = false;
        self.undone.clear();
        self.finished = None;
        self.output = None;
        self.wait = None;
    }

    /// Begins a fork from the detached projection its first entry carries.
    #[must_use]
    pub fn resumed(mut self, run_id: RunId, created: &Created, at: Timestamp) -> Self {
        self.run_id = run_id;
        self.tenant.clone_from(&created.tenant);
        self.flow = created.flow.clone();
        self.key_root = created.key_root;
        self.ledger = Ledger::new(created.limits);
        self.parent = None;
        self.tags.clone_from(&created.tags);
        self.born = None;
        self.leave = created.forked.as_ref().map(|fork| fork.leave);
        self.status = RunStatus::Queued;
        (self.created_at, self.at, self.position) = (at, at, 1);
        (self.inbox_seen, self.recoveries, self.session) = (0, 0, None);
        self
    }

    /// Returns whether an action that must not happen twice may be sent by this run.
    #[must_use]
    pub fn may_repeat_actions(&self) -> bool {
        self.leave != Some(Leave::Withheld)
    }
}

impl StepRun {
    /// Outcomes keep their order, and come before everything the fork will add: its journal counts
    /// from 1 again.
    pub(crate) fn carry_order(&mut self) {
        self.effects.sort_by_key(|effect| effect.resolved_at);
        for effect in &mut self.effects {
            effect.asked_at = 1;
            effect.resolved_at = effect.resolved_at.map(|_| 1);
        }
    }
}

impl EffectRecord {
    /// What came of it, and what it asks meanwhile.
    fn held_mut(&mut self) -> impl Iterator<Item = &mut Held> {
        let resolved = match &mut self.resolution {
            Some(Resolution::Completed(held) | Resolution::Signalled(held)) => Some(held),
            Some(Resolution::Child { output, .. }) => output.as_mut(),
            _ => None,
        };
        resolved.into_iter().chain(self.input.as_mut().map(|input| &mut input.wanted))
    }

    fn all_held(&self) -> impl Iterator<Item = &Held> {
        self.held().into_iter().chain(self.input.as_ref().map(|input| &input.wanted))
    }
}
