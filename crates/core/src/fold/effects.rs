//! The fold's half about effects: intents, outcomes, waits and what resolves them.

use serde::{Deserialize, Serialize};

use super::{FoldError, Projection, input::Input, scopes::ScopeRecord};
use crate::{
    budget::Settlement,
    digest::Digest,
    effect::{EffectHead, EffectOutcome, EffectPosition, FailedAttempt, StepKey},
    failure::Failure,
    id::ReviewId,
    journal::{EffectSettled, Position},
    payload::{Held, PayloadRef},
    review::{ReviewOutcome, ReviewReason},
    run::RunStatus,
    time::Timestamp,
    wait::Wait,
};

/// What became of an effect, as the code will see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It happened, and this is what came back.
    Completed(Held),
    /// It is known not to have succeeded.
    Failed(Failure),
    /// It was refused before anything was sent.
    Denied(Failure),
    /// It cannot be known whether it happened.
    InDoubt(Failure),
    /// A person decided, or nobody did in time.
    Reviewed(ReviewOutcome),
    /// A signal came.
    Signalled(Held),
    /// The time came: a timer's own, or the end of waiting for something else.
    Due,
    /// A child run ended.
    Child {
        /// How.
        status: RunStatus,
        /// With what.
        output: Option<Held>,
        /// Or why not.
        failure: Option<Failure>,
    },
}

/// An intent without an outcome: something may have been sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The last try that was announced, from 1.
    pub attempt: u32,
    /// When the first was sent, by the store's clock.
    pub first_sent_at: Timestamp,
    /// The last call cannot take effect after this.
    pub not_after: Timestamp,
    /// The claim's row under which it was written; a later claim did not send it.
    pub at: Position,
}

/// A call that needs a person's leave, and what came of asking for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// The review.
    pub review_id: ReviewId,
    /// What the person was shown, all of it.
    pub bound: Digest,
    /// How the review ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ReviewOutcome>,
}

/// An effect of an open StepRun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectRecord {
    /// Where.
    pub position: EffectPosition,
    /// What.
    pub head: EffectHead,
    /// The entry that first named it.
    pub asked_at: Position,
    /// How many outcomes the code had seen when it asked.
    pub seen: u32,
    /// The arguments.
    pub arguments: Option<PayloadRef>,
    /// An intent, if one was journaled.
    pub intent: Option<Intent>,
    /// What it waits for, if it is a wait, or in doubt.
    pub wait: Option<Wait>,
    /// What a person said about an effect in doubt; the owner acts on it.
    pub answer: Option<ReviewOutcome>,
    /// What a person said of the call before it was made, if one had to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Box<Approval>>,
    /// What the other side asked in the middle of the call, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Box<Input>>,
    /// Tries that failed.
    pub attempts: Vec<FailedAttempt>,
    /// What became of it.
    pub resolution: Option<Resolution>,
    /// The entry that resolved it: the order in which outcomes become visible.
    pub resolved_at: Option<Position>,
    /// The scope it opened, if it is one, and what was used in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Box<ScopeRecord>>,
    /// Its place among those that were asked for before the journal began.
    #[serde(default, skip_serializing_if = "crate::journal::is_zero")]
    pub rank: u32,
}

impl EffectRecord {
    /// Returns the failure, if that is what became of it.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match &self.resolution {
            Some(Resolution::Failed(failure)) => Some(failure),
            _ => None,
        }
    }

    /// Returns the payload that came of it, if one did.
    #[must_use]
    pub const fn held(&self) -> Option<&Held> {
        match &self.resolution {
            Some(Resolution::Completed(held) | Resolution::Signalled(held)) => Some(held),
            Some(Resolution::Child { output, .. }) => output.as_ref(),
            _ => None,
        }
    }

    /// Returns whether it may have happened and nobody knows.
    #[must_use]
    pub const fn is_in_doubt(&self) -> bool {
        matches!(self.resolution, Some(Resolution::InDoubt(_)))
            || matches!(self.wait, Some(Wait::Review { reason: ReviewReason::InDoubt, .. }))
                && self.resolution.is_none()
    }

    /// Returns whether a person has spoken, and what was said is still to be acted upon.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        let approved = self.approval.as_ref().is_some_and(|approval| approval.outcome.is_some());
        let heard = self.answer.is_some() || approved || self.goes_on();
        self.resolution.is_none() && self.wait.is_none() && heard
    }

    /// Returns whether it may have acted and nothing has come of it yet: it was announced, or it
    /// is in doubt, or a person has said what became of it and nobody has done as they said. Not
    /// every class announces itself, so the intent alone does not tell.
    #[must_use]
    pub const fn is_open_action(&self) -> bool {
        let told = self.intent.is_some() || self.answer.is_some() || self.is_in_doubt();
        self.resolution.is_none() && told
    }
}

impl Projection {
    /// Returns an effect of an open StepRun.
    #[must_use]
    pub fn effect(&self, position: &EffectPosition) -> Option<&EffectRecord> {
        let step = self.step(&position.step)?;
        step.effects.iter().find(|effect| effect.position == *position)
    }

    /// Returns the effects of a StepRun that have become of something, in the order in which the
    /// code saw them.
    #[must_use]
    pub fn resolved(&self, step: &StepKey) -> Vec<&EffectRecord> {
        let effects = self.step(step).map(|step| step.effects.as_slice()).unwrap_or_default();
        let mut resolved: Vec<_> = effects.iter().filter(|e| e.resolution.is_some()).collect();
        resolved.sort_by_key(|effect| effect.resolved_at);
        resolved
    }

    pub(super) fn intended(
        &mut self,
        position: &EffectPosition,
        head: &EffectHead,
        seen: u32,
        (intent, arguments): (Intent, &PayloadRef),
    ) -> Result<(), FoldError> {
        let effect = self.effect_entry(position, head, seen)?;
        effect.arguments.get_or_insert_with(|| arguments.clone());
        let first = effect.intent.as_ref().map_or(intent.first_sent_at, |i| i.first_sent_at);
        effect.intent = Some(Intent { first_sent_at: first, ..intent });
        // A person may have asked to send again what was in doubt.
        effect.wait = None;
        effect.answer = None;
        if let Some(input) = &mut effect.input {
            input.announced = true;
        }
        Ok(())
    }

    pub(super) fn attempted(
        &mut self,
        position: &EffectPosition,
        head: &EffectHead,
        attempts: &[FailedAttempt],
        spend: &Settlement,
    ) -> Result<(), FoldError> {
        self.charge(position, spend)?;
        let effect = self.effect_entry(position, head, 0)?;
        effect.attempts.extend(attempts.iter().cloned());
        Ok(())
    }

    fn effect_entry(
        &mut self,
        position: &EffectPosition,
        head: &EffectHead,
        seen: u32,
    ) -> Result<&mut EffectRecord, FoldError> {
        let asked_at = self.position;
        let step = self.step_mut(&position.step)?;
        let found = step.effects.iter().position(|effect| effect.position == *position);
        let index = found.unwrap_or(step.effects.len());
        if found.is_none() {
            step.effects.push(EffectRecord {
                position: position.clone(),
                head: head.clone(),
                asked_at,
                seen,
                arguments: None,
                intent: None,
                wait: None,
                answer: None,
                approval: None,
                input: None,
                attempts: Vec::new(),
                resolution: None,
                resolved_at: None,
                scope: None,
                rank: 0,
            });
        }
        step.effects
            .get_mut(index)
            .ok_or_else(|| FoldError::Unknown(format!("the effect {position}")))
    }

    fn charge(&mut self, position: &EffectPosition, spend: &Settlement) -> Result<(), FoldError> {
        self.ledger.charge(spend);
        let spent = spend.total();
        let step = self.step_mut(&position.step)?;
        step.spent = step.spent.plus(&spent);
        step.spend_in_scopes(position, &spent);
        Ok(())
    }

    pub(super) fn settled(&mut self, settled: &EffectSettled) -> Result<(), FoldError> {
        self.charge(&settled.position, &settled.spend)?;
        self.count_running(settled)?;
        let resolution = match &settled.outcome {
            EffectOutcome::Completed(payload) => Resolution::Completed(self.hold(payload)),
            EffectOutcome::Failed(failure) => Resolution::Failed(failure.clone()),
            EffectOutcome::Denied(failure) => Resolution::Denied(failure.clone()),
            EffectOutcome::InDoubt(failure) => Resolution::InDoubt(failure.clone()),
        };
        let place = self.position;
        let effect = self.effect_entry(&settled.position, &settled.head, settled.seen)?;
        if effect.resolution.is_some() {
            let what = format!("a second outcome of {}", settled.position);
            return Err(FoldError::Unknown(what));
        }
        effect.arguments = effect.arguments.take().or_else(|| settled.arguments.clone());
        effect.attempts.extend(settled.failed.iter().cloned());
        // Attempts before the outcome do not say what the code had seen.
        effect.seen = effect.seen.max(settled.seen);
        effect.scope = settled.scope.as_ref().map(|scope| Box::new(ScopeRecord::new(scope)));
        effect.resolution = Some(resolution);
        effect.resolved_at = Some(place);
        effect.input = None;
        Ok(())
    }

    pub(super) fn wait_opened(
        &mut self,
        position: &EffectPosition,
        head: &EffectHead,
        wait: &Wait,
        arguments: &PayloadRef,
        seen: u32,
    ) -> Result<(), FoldError> {
        let effect = self.effect_entry(position, head, seen)?;
        effect.wait = Some(wait.clone());
        // What was said of an earlier doubt was acted upon, and does not answer this one.
        effect.answer = None;
        if let Wait::Review { review_id, reason: ReviewReason::Approval, bound: Some(bound) } = wait
        {
            let (review_id, bound) = (*review_id, *bound);
            effect.approval = Some(Box::new(Approval { review_id, bound, outcome: None }));
        }
        effect.arguments.get_or_insert(arguments.clone());
        // A signal may have come before anybody waited for it.
        if let Wait::Signal { name, .. } = wait
            && let Some(at) = self.signals.iter().position(|(early, _)| early == name)
        {
            let (_, payload) = self.signals.remove(at);
            self.resolve(position, Resolution::Signalled(payload));
        }
        Ok(())
    }

    /// Resolves a wait, once; later resolutions of the same wait change nothing.
    pub(super) fn resolve(&mut self, position: &EffectPosition, resolution: Resolution) {
        let place = self.position;
        let Ok(step) = self.step_mut(&position.step) else { return };
        let effect = step.effects.iter_mut().find(|effect| effect.position == *position);
        if let Some(effect) = effect.filter(|e| e.resolution.is_none() && e.wait.is_some()) {
            effect.resolution = Some(resolution);
            effect.resolved_at = Some(place);
        }
    }

    fn waiting_position(&self, fits: impl Fn(&Wait) -> bool) -> Option<EffectPosition> {
        let waits = self.open_waits();
        let found = waits.iter().find(|(_, wait)| fits(wait));
        found.map(|(effect, _)| effect.position.clone())
    }

    pub(super) fn resolve_review(&mut self, review: ReviewId, outcome: &ReviewOutcome) {
        let ours =
            |wait: &Wait| matches!(wait, Wait::Review { review_id, .. } if *review_id == review);
        let Some(position) = self.waiting_position(ours) else { return };
        let Ok(step) = self.step_mut(&position.step) else { return };
        let effect = step.effects.iter_mut().find(|effect| effect.position == position);
        match effect {
            Some(effect) if effect.is_in_doubt() => {
                effect.wait = None;
                effect.answer = Some(outcome.clone());
            }
            Some(EffectRecord { wait, approval: Some(approval), .. })
                if approval.review_id == review =>
            {
                *wait = None;
                approval.outcome = Some(outcome.clone());
            }
            Some(EffectRecord { wait, input: Some(input), .. }) if input.review_id == review => {
                *wait = None;
                input.outcome = Some(outcome.clone());
            }
            _ => self.resolve(&position, Resolution::Reviewed(outcome.clone())),
        }
    }

    pub(super) fn resolve_signal(&mut self, name: &str, payload: &PayloadRef) {
        let held = self.hold(payload);
        let ours =
            |wait: &Wait| matches!(wait, Wait::Signal { name: wanted, .. } if wanted == name);
        match self.waiting_position(ours) {
            Some(position) => self.resolve(&position, Resolution::Signalled(held)),
            None => self.signals.push((name.to_owned(), held)),
        }
    }

    /// A timer's key is the position of the effect it belongs to; other keys only wake the run.
    pub(super) fn timer_fired(&mut self, key: &str) {
        let Ok(position) = key.parse::<EffectPosition>() else { return };
        match self.effect(&position).and_then(|effect| effect.wait.clone()) {
            Some(Wait::Review { review_id, .. }) => {
                self.resolve_review(review_id, &ReviewOutcome::Expired);
            }
            _ => self.resolve(&position, Resolution::Due),
        }
    }
}
