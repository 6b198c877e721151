//! Which StepRuns are over. A run may have left many behind and is asked for the others several
//! times a step, so those at the beginning that are over are counted once.

use super::{Projection, steps::StepRun};

/// So many of the first StepRuns are known to be over. It follows from the rest of the fold, and
/// where it says less than it could, looks take longer: folds that differ in it are one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Over(usize);

impl PartialEq for Over {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Projection {
    /// Returns the StepRuns that are not over, in the order they became due.
    pub fn unfinished(&self) -> impl Iterator<Item = &StepRun> {
        self.steps.iter().skip(self.over.0).filter(|step| !step.is_over())
    }

    /// Counts on, where a step has ended.
    pub(super) fn count_over(&mut self) {
        let more = self.steps.iter().skip(self.over.0).take_while(|step| step.is_over());
        self.over.0 += more.count();
    }

    /// Forgets the count, where StepRuns at the beginning go or are tried again.
    pub(super) fn recount_over(&mut self) {
        self.over = Over::default();
        self.count_over();
    }
}
