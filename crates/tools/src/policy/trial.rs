//! Rules on trial: what they would have made of a call, beside what holds.

use mainstay_core::{
    digest::Digest,
    policy::{Policy, PolicyFault, Question, Ruling, Verdict},
};

use super::Bounded;

/// A policy, and the same with its rules in shadow let out. They are judged apart, so that a rule on
/// trial that fails or takes too long changes nothing.
#[derive(Debug)]
pub(super) struct Trial {
    enforced: Bounded,
    on_trial: Bounded,
}

impl Trial {
    pub(super) const fn new(enforced: Bounded, on_trial: Bounded) -> Self {
        Self { enforced, on_trial }
    }
}

impl Policy for Trial {
    fn bundle(&self) -> Digest {
        self.enforced.bundle()
    }

    fn judge(&self, question: &Question<'_>) -> Result<Ruling, PolicyFault> {
        let ruling = self.enforced.judge(question)?;
        // Without a ruling the call would not have been made.
        let would_be = self.on_trial.judge(question).map_or(Verdict::Deny, |trial| trial.verdict);
        let flips = would_be != ruling.verdict;
        Ok(Ruling { would_be: flips.then_some(would_be), ..ruling })
    }

    fn holds(&self, condition: &str, question: &Question<'_>) -> Result<bool, PolicyFault> {
        self.enforced.holds(condition, question)
    }

    fn sound(&self, condition: &str) -> Result<(), PolicyFault> {
        self.enforced.sound(condition)
    }
}
