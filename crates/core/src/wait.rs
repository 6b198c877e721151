//! What an unfinished run may wait for.

use serde::{Deserialize, Serialize};

use crate::{
    allowance::CapReached,
    budget::Exhausted,
    digest::Digest,
    effect::{EffectHead, EffectPosition, StepKey},
    failure::Failure,
    flow::FlowVersion,
    id::{ReviewId, RunId},
    review::ReviewReason,
    time::Timestamp,
};

/// One reason why a run does not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Wait {
    /// A person's decision.
    Review {
        /// Which.
        review_id: ReviewId,
        /// Why a person is asked.
        reason: ReviewReason,
        /// What an approval is bound to; whatever differs from it was not approved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bound: Option<Digest>,
    },
    /// A time.
    Timer {
        /// When.
        due: Timestamp,
    },
    /// A named signal.
    Signal {
        /// Its name.
        name: String,
        /// When waiting for it ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A child run's end.
    Child {
        /// Which.
        run_id: RunId,
    },
    /// The next attempt at a step.
    Retry {
        /// The step.
        step: StepKey,
        /// When.
        at: Timestamp,
    },
    /// A larger budget.
    Budget {
        /// The refusal.
        exhausted: Exhausted,
        /// The scope whose limit it is, such as an agent's; the run's or the step's when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<String>,
        /// The shared cap that refused it, if it was not a limit of the run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cap: Option<Box<CapReached>>,
    },
    /// A worker that has this flow version, or the body an open step began with.
    WorkerVersion {
        /// The version.
        flow: FlowVersion,
        /// The open step whose body changed, if that is why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepKey>,
    },
    /// A person, because code and journal disagree.
    Divergence(Box<Divergence>),
    /// A person, because the run crashed its worker too often.
    Quarantine {
        /// How often, without progress.
        crashes: u32,
    },
}

/// Both sides of a disagreement between code and journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// Where, in the run.
    pub step: StepKey,
    /// The effect's position, unless the step as a whole ended differently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<EffectPosition>,
    /// What the journal holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<EffectHead>,
    /// What the code asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<EffectHead>,
    /// What the code did with what the journal holds, where no effect shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Failure>,
}

impl Divergence {
    /// Makes a divergence that no effect shows: a route outside its set, a state that a newer
    /// version does not take.
    #[must_use]
    pub const fn because(step: StepKey, failure: Failure) -> Self {
        Self { step, position: None, journal: None, code: None, because: Some(failure) }
    }
}

impl Wait {
    /// Returns when time alone ends it, if it does.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self {
            Self::Timer { due: at } | Self::Retry { at, .. } => Some(*at),
            Self::Signal { until, .. } => *until,
            Self::Budget { cap: Some(cap), .. } => Some(cap.again_at),
            Self::Review { .. }
            | Self::Child { .. }
            | Self::Budget { cap: None, .. }
            | Self::WorkerVersion { .. }
            | Self::Divergence(_)
            | Self::Quarantine { .. } => None,
        }
    }

    /// Returns the wait for a larger budget of the run itself.
    #[must_use]
    pub const fn budget(exhausted: Exhausted) -> Self {
        Self::Budget { exhausted, within: None, cap: None }
    }

    /// Returns the word of `waiting_for`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Review { .. } => "review",
            Self::Timer { .. } => "timer",
            Self::Signal { .. } => "signal",
            Self::Child { .. } => "child",
            Self::Retry { .. } => "retry",
            Self::Budget { .. } => "budget",
            Self::WorkerVersion { .. } => "worker_version",
            Self::Divergence(_) => "divergence",
            Self::Quarantine { .. } => "quarantine",
        }
    }
}

/// Whether one of the waits is enough to go on, or all are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitMode {
    /// Any one wakes the run.
    Any,
    /// The run wakes once, when all have happened.
    All,
}

/// Everything a parked run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitSet {
    /// Any or all.
    pub mode: WaitMode,
    /// The waits; not empty.
    pub waits: Vec<Wait>,
}

impl WaitSet {
    /// Returns whether so many of the waits, each with a row or somebody outside that will end it,
    /// are why the run does not go on. Where any wait is enough, none has ended yet and every one
    /// must have its source: a run that waits for a person or a time, and whose time will not come,
    /// is stuck although it seems to wait. Where all are needed, those that ended have none.
    #[must_use]
    pub fn is_explained_by(&self, sources: usize) -> bool {
        match self.mode {
            WaitMode::Any => sources == self.waits.len(),
            WaitMode::All => sources > 0,
        }
    }

    /// Returns how many messages must arrive before the run wakes: a lower bound that may wake it
    /// early, never late.
    #[must_use]
    pub fn wake_after(&self) -> u32 {
        match self.mode {
            WaitMode::Any => 1,
            WaitMode::All => u32::try_from(self.waits.len()).unwrap_or(u32::MAX).max(1),
        }
    }

    /// Returns the distinct words of `waiting_for`, in the order they first appear.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let mut words = Vec::new();
        for word in self.waits.iter().map(Wait::word) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }
}
