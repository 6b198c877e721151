//! What the fold lets go of: StepRuns and joins that nothing still to come can refer to.
//!
//! A run may go round for ever, and its fold is read and written whole, so the fold must be bounded
//! by the graph and by what is open. What an entry still to come may ask of a StepRun that is over:
//!
//! - its output, if it stands on the path of one that is not over, or on that of a join that may
//!   still fire; or if it is the step's latest, for those that have no such step on their path;
//! - that it failed: a fork tries it again;
//! - how many there were, for the next one's visit: that is kept as a number;
//! - what its compensation takes: that is [kept apart](super::undo).
//!
//! A join is asked whether it has fired as long as an arrival of its wave may come, and at the end
//! which of its arrivals came, if it has not.
//!
//! Nothing here depends on when it is done: a fold that let go of nothing answers the same.

use std::collections::BTreeSet;

use super::{
    Projection,
    steps::{Phase, StepRun},
};
use crate::{
    effect::StepKey,
    flow::{
        StepName,
        schedule::{Ancestry, Join, Wiring},
    },
};

/// The form of folds that let go; those that keep every StepRun do not say one.
pub(super) const FORM: u8 = 1;

/// StepRuns that are kept beyond twice the graph's size, so that letting go is seldom.
const ROOM: usize = 16;

impl Projection {
    /// Brings a fold that was written by an older program to today's form.
    #[must_use]
    pub fn brought_up(mut self, wiring: &Wiring, past: &mut dyn FnMut(StepRun)) -> Self {
        if self.form < FORM {
            self.form = FORM;
            self.find_undoables(wiring);
            self.let_go(wiring, past);
        }
        self
    }

    /// Lets go of what nothing can refer to any more, once there is enough of it.
    pub(super) fn tidy(&mut self, wiring: &Wiring, past: &mut dyn FnMut(StepRun)) {
        if self.steps.len() > ROOM + 2 * wiring.definition().steps.len() {
            self.let_go(wiring, past);
        }
    }

    pub(super) fn let_go(&mut self, wiring: &Wiring, past: &mut dyn FnMut(StepRun)) {
        let reach = Reach::of(self, wiring);
        let awaited: Vec<_> = self.joins.iter().map(|join| reach.meets(wiring, join)).collect();
        let mut wanted = reach.visits();
        let open = self.steps.iter().filter(|step| stays(step));
        wanted.extend(open.flat_map(|step| visits(&step.ancestry)));
        wanted.extend(self.latest_outputs());
        self.forget_joins(&awaited);
        for step in std::mem::take(&mut self.steps) {
            if stays(&step) || step.output.is_some() && wanted.contains(&step.key) {
                self.steps.push(step);
            } else {
                *self.past.entry(step.key.step.clone()).or_default() += 1;
                past(step);
            }
        }
        self.recount_over();
    }

    fn latest_outputs(&self) -> Vec<StepKey> {
        let mut seen = BTreeSet::<&StepName>::new();
        let outputs = self.steps.iter().rev().filter(|step| step.output.is_some());
        let latest = outputs.filter(|step| seen.insert(&step.key.step));
        latest.map(|step| step.key.clone()).collect()
    }

    /// A join that will never fire is named at the end; the path it would have led on is not.
    fn forget_joins(&mut self, awaited: &[bool]) {
        let mut awaited = awaited.iter();
        self.joins.retain_mut(|join| {
            let awaited = awaited.next().is_some_and(|awaited| *awaited);
            if !awaited {
                join.ancestry = Ancestry::default();
            }
            awaited || !join.fired
        });
    }
}

/// Whether a StepRun is not over, or a fork may try it again.
fn stays(step: &StepRun) -> bool {
    !step.is_over() || matches!(step.phase, Phase::Failed(_)) && step.undoes.is_none()
}

fn visits(path: &Ancestry) -> impl Iterator<Item = StepKey> {
    path.visits().into_iter().map(|(step, visit)| StepKey::new(step, visit))
}

/// The paths that lead on. Whatever becomes due has on its own path visits of theirs, or new ones.
struct Reach<'a>(Vec<&'a Ancestry>);

impl<'a> Reach<'a> {
    fn of(run: &'a Projection, wiring: &Wiring) -> Self {
        // A compensation stands on the path of what it undoes, and leads nowhere.
        let open = run.steps.iter().filter(|step| stays(step) && step.undoes.is_none());
        let mut reach = Self(open.map(|step| &step.ancestry).collect());
        let mut waiting: Vec<_> = run.joins.iter().filter(|join| !join.fired).collect();
        loop {
            let (met, rest): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|join| reach.meets(wiring, join));
            if met.is_empty() {
                return reach;
            }
            reach.0.extend(met.into_iter().map(|join| &join.ancestry));
            waiting = rest;
        }
    }

    /// Returns whether an arrival of the join's wave may still come.
    fn meets(&self, wiring: &Wiring, join: &Join) -> bool {
        let anchored = match wiring.anchor(&join.step) {
            Some(anchor) => self.passes(anchor, join.wave.anchor),
            None => !self.0.is_empty(),
        };
        anchored && self.passes(&join.step, join.wave.reentry)
    }

    fn passes(&self, step: &StepName, visit: u32) -> bool {
        self.0.iter().any(|path| path.get(step).unwrap_or(0) == visit)
    }

    fn visits(&self) -> BTreeSet<StepKey> {
        self.0.iter().flat_map(|path| visits(path)).collect()
    }
}
