//! The fold's half about calls whose other side asks something first.

use serde::{Deserialize, Serialize};

use super::{FoldError, Projection, effects::EffectRecord};
use crate::{
    effect::EffectPosition, id::ReviewId, journal::InputAsked, payload::Held,
    review::ReviewOutcome, wait::Wait,
};

/// What the other side of a call asked before it would go on, and what came of asking a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The review.
    pub review_id: ReviewId,
    /// The questions, and what the transport needs to go on.
    pub wanted: Held,
    /// Whether the call may have acted already and goes on; otherwise it begins anew.
    pub under_way: bool,
    /// How often it has asked, this time included.
    pub round: u32,
    /// How the review ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ReviewOutcome>,
    /// Whether the call was announced with the answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announced: bool,
}

impl EffectRecord {
    /// Returns whether the call goes on with what a person answered, or stops because nobody did.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.input.as_ref().is_some_and(|input| input.outcome.is_some() && !input.announced)
    }
}

impl Projection {
    /// A call that asks and has not acted is as if it had not been sent.
    pub(super) fn input_asked(
        &mut self,
        position: &EffectPosition,
        wait: &Wait,
        asked: Option<&InputAsked>,
    ) -> Result<(), FoldError> {
        let (Some(asked), Wait::Review { review_id, .. }) = (asked, wait) else { return Ok(()) };
        let (wanted, under_way) = (self.hold(&asked.wanted), asked.under_way);
        let step = self.step_mut(&position.step)?;
        let effect = step.effects.iter_mut().find(|effect| effect.position == *position);
        let Some(effect) = effect else { return Ok(()) };
        let round = effect.input.as_ref().map_or(0, |before| before.round) + 1;
        let (review_id, outcome, announced) = (*review_id, None, false);
        let input = Input { review_id, wanted, under_way, round, outcome, announced };
        effect.input = Some(Box::new(input));
        effect.intent = effect.intent.take().filter(|_| under_way);
        Ok(())
    }
}
