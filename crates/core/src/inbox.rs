//! What people and other systems say to a run.

use serde::{Deserialize, Serialize};

use crate::{
    budget::{Limits, Settlement},
    effect::EffectPosition,
    failure::Failure,
    id::{ReviewId, RunId, SessionId},
    payload::PayloadRef,
    review::ReviewOutcome,
    run::RunStatus,
    time::Timestamp,
};

/// One message to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum InboxBody {
    /// A review ended.
    Reviewed {
        /// Which.
        review_id: ReviewId,
        /// How.
        outcome: ReviewOutcome,
    },
    /// A signal.
    Signalled {
        /// Its name.
        name: String,
        /// What it carries.
        payload: PayloadRef,
    },
    /// Somebody wants the run to end.
    CancelRequested {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// A child run ended.
    ChildEnded {
        /// The effect that waits for it.
        position: EffectPosition,
        /// The child.
        run_id: RunId,
        /// How it ended.
        status: RunStatus,
        /// Its output.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<PayloadRef>,
        /// Why it did not complete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// What it used up.
        spend: Settlement,
    },
    /// A timer came due.
    TimerFired {
        /// The timer's key.
        key: String,
        /// When it was due. By the store's clock that time has passed; programs before this said
        /// nothing of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
    },
    /// The budget was raised.
    ToppedUp {
        /// Who.
        by: String,
        /// By how much, per dimension.
        add: Limits,
    },
    /// A person wants a stopped run to go on: a failed step again, a divergence or a quarantine
    /// looked at.
    RetryRequested {
        /// Who.
        by: String,
    },
    /// A worker that has what the run waits for looked in: its version, or the body its open step
    /// began with.
    WorkerCame {
        /// The worker's session.
        session: SessionId,
    },
}

impl InboxBody {
    /// Returns whether a parked run wakes at once, whatever else it waits for.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        match self {
            Self::CancelRequested { .. }
            | Self::ToppedUp { .. }
            | Self::RetryRequested { .. }
            | Self::WorkerCame { .. } => true,
            Self::Reviewed { .. }
            | Self::Signalled { .. }
            | Self::ChildEnded { .. }
            | Self::TimerFired { .. } => false,
        }
    }
}
