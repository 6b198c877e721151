//! The fold's half about starting: which steps may begin now.

use super::{
    Projection,
    steps::{Phase, StepRun},
};
use crate::{
    effect::StepKey,
    flow::{Access, schedule::Wiring},
    time::Timestamp,
};

impl Projection {
    /// Returns what may start now, in declaration order: due steps and retries whose time has
    /// come, under Rust's borrow rule. `rests` says whether an open StepRun only waits: a reader
    /// that does blocks nobody, a writer holds the state all the same.
    #[must_use]
    pub fn startable(
        &self,
        wiring: &Wiring,
        now: Timestamp,
        rests: &dyn Fn(&StepKey) -> bool,
    ) -> Vec<StepKey> {
        let access =
            |key: &StepKey| wiring.look_up(&key.step).map_or(Access::Reads, |step| step.access);
        let open = || self.unfinished().filter(|step| step.is_open());
        let is_writer = |step: &&StepRun| access(&step.key) == Access::Writes;
        let mut readers = open().filter(|s| !is_writer(s) && s.phase == Phase::Open);
        let reading = readers.any(|step| !rests(&step.key));
        let writer = open().find(is_writer).map(|step| step.key.clone());
        let mut ready = Vec::new();
        for step in self.ready(wiring, now) {
            let mine = writer.as_ref() == Some(&step.key);
            match access(&step.key) {
                _ if writer.is_some() && !mine => {}
                Access::Reads => ready.push(step.key.clone()),
                Access::Writes if reading || !ready.is_empty() => break,
                Access::Writes => return vec![step.key.clone()],
            }
        }
        ready
    }

    /// Due steps and due retries, in declaration order.
    fn ready(&self, wiring: &Wiring, now: Timestamp) -> Vec<&StepRun> {
        let due = |step: &&StepRun| match &step.phase {
            Phase::Due => true,
            Phase::Retrying { at } => *at <= now,
            Phase::Open | Phase::Finished | Phase::Failed(_) => false,
        };
        let mut ready: Vec<_> = self.unfinished().filter(due).collect();
        ready.sort_by_key(|step| (wiring.place(&step.key.step), step.key.visit));
        ready
    }

    /// Returns whether nothing is due, open or waiting to be tried again.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.unfinished().next().is_none()
    }
}
