//! Requests to a person, and the answers they may give.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{digest::Digest, effect::EffectPosition, id::ReviewId, time::Timestamp};

/// A question to a person, as a step, an agent or a task puts it.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// One line.
    pub title: String,
    /// What the decision is about, in full.
    pub subject: Value,
    /// Which desk it belongs to.
    pub queue: String,
    /// After how long silence ends it, without approval.
    pub expires_in: Option<Duration>,
}

impl Review {
    /// Makes a review of a subject: what the person decides about, in full.
    #[must_use]
    pub fn of<T: Serialize>(title: impl Into<String>, subject: &T) -> Self {
        let subject = serde_json::to_value(subject).unwrap_or_default();
        Self { title: title.into(), subject, queue: "default".to_owned(), expires_in: None }
    }

    /// Sends it to a desk.
    #[must_use]
    pub fn with_queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = queue.into();
        self
    }

    /// Ends it after this long, without approval.
    #[must_use]
    pub const fn with_expiry(mut self, span: Duration) -> Self {
        self.expires_in = Some(span);
        self
    }
}

/// Why a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewReason {
    /// The flow asked for it.
    Asked,
    /// An action may or may not have happened.
    InDoubt,
    /// Something could not be undone.
    Partial,
    /// A call may be made only once a person has approved exactly it.
    Approval,
    /// The other side of a call asks something before it goes on.
    Input,
}

/// What a person is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRequest {
    /// The review.
    pub review_id: ReviewId,
    /// The effect that waits for it.
    pub position: EffectPosition,
    /// Why.
    pub reason: ReviewReason,
    /// One line.
    pub title: String,
    /// What the decision is about, in full.
    pub subject: Value,
    /// BLAKE3 of the subject's canonical JSON: a decision is bound to exactly these bytes.
    pub subject_digest: Digest,
    /// Which desk it belongs to.
    pub queue: String,
    /// When silence ends it, without approval.
    pub expires_at: Option<Timestamp>,
}

/// A person's answer. Silence is none of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Do it as shown.
    Approve {
        /// A note for the record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Do it with this subject instead.
    Amend {
        /// The subject to go on with.
        subject: Value,
        /// A note for the record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Do not do it.
    Reject {
        /// Why.
        reason: String,
    },
    /// An answer in words, where the flow asked a question.
    Respond {
        /// The answer.
        text: String,
    },
}

impl Decision {
    /// Returns the verb, as the command line and tables print it.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Approve { .. } => "approve",
            Self::Amend { .. } => "amend",
            Self::Reject { .. } => "reject",
            Self::Respond { .. } => "respond",
        }
    }
}

/// How a review ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewOutcome {
    /// A person decided.
    Decided {
        /// What.
        decision: Decision,
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Its time passed: nothing was approved.
    Expired,
}
