//! The fold, asked: what the run waits for, how it would end, how deep it stands.

use super::{Projection, effects::EffectRecord};
use crate::{
    budget::Dimension,
    flow::{StepName, schedule::Wiring},
    id::ReviewId,
    journal::{Cause, Ending, HalfFilled},
    wait::Wait,
};

impl Projection {
    /// Returns every open wait of every open step, oldest first.
    #[must_use]
    pub fn open_waits(&self) -> Vec<(&EffectRecord, &Wait)> {
        let open = self.unfinished().filter(|step| step.is_open());
        let effects = open.flat_map(|step| step.effects.iter());
        let mut waits: Vec<_> = effects
            .filter(|effect| effect.resolution.is_none())
            .filter_map(|effect| effect.wait.as_ref().map(|wait| (effect, wait)))
            .collect();
        waits.sort_by_key(|(effect, _)| (effect.asked_at, effect.rank));
        waits
    }

    /// Returns the open review of this run with that id, if it is one of an effect's.
    #[must_use]
    pub fn waits_for_review(&self, review: ReviewId) -> bool {
        self.open_waits()
            .iter()
            .any(|(_, wait)| matches!(wait, Wait::Review { review_id, .. } if *review_id == review))
    }

    /// Returns joins that had some arrivals and never fired.
    #[must_use]
    pub fn half_filled(&self) -> Vec<HalfFilled> {
        let waiting = self.joins.iter().filter(|join| !join.fired && !join.arrived.is_empty());
        waiting
            .map(|join| HalfFilled {
                step: join.step.clone(),
                arrived: join.arrived.values().map(ToString::to_string).collect(),
            })
            .collect()
    }

    /// Returns how the run ends, given why it stopped and what could be undone.
    #[must_use]
    pub fn ending_now(&self) -> Ending {
        match &self.ending {
            _ if self.undone.iter().any(|(_, failure)| failure.is_some()) => Ending::Partial,
            None => Ending::Completed,
            Some(Cause::Failed { .. }) => Ending::Failed,
            Some(Cause::Cancelled { .. }) => Ending::Cancelled,
        }
    }

    /// Returns how deep this run stands: 1, and one more for each run above it.
    #[must_use]
    pub fn depth(&self) -> u32 {
        1 + self.parent.as_ref().map_or(0, |parent| parent.depth)
    }

    /// Returns running time that is known and charged, in milliseconds.
    #[must_use]
    pub fn wall_ms(&self) -> u64 {
        self.ledger.total_spent().get(Dimension::Wall)
    }

    /// Returns the name of the step whose output is the run's.
    #[must_use]
    pub fn output_step(wiring: &Wiring) -> Option<StepName> {
        wiring.definition().finish().map(|step| step.name.clone())
    }
}
