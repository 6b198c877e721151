//! The append-only truth of a run: its entries, and the rows that hold them.

mod row;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    budget::{Limits, Settlement, Spend},
    digest::Digest,
    effect::{EffectHead, EffectOutcome, EffectPosition, FailedAttempt, StepKey},
    effects::Scope,
    failure::Failure,
    flow::{FlowVersion, StepName},
    id::{RunId, SessionId},
    inbox::InboxBody,
    payload::PayloadRef,
    run::RunStatus,
    time::Timestamp,
    wait::{Wait, WaitSet},
};

pub use self::row::{Head, JournalRow, claim_link, row_hash};

/// An entry's place in its run's journal, from 1, without gaps.
pub type Position = u64;

/// The number that rises at each claim of a run.
pub type Epoch = u64;

/// One thing that happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The run exists.
    Created(Box<Created>),
    /// A worker has the sole right to drive it.
    Claimed {
        /// The worker's session.
        session: SessionId,
        /// 128 random bits as hex; the fence token of this row.
        nonce: String,
    },
    /// An attempt at a step began. An attempt that ends well before anything else is written has
    /// no such row: its end says how it began.
    StepStarted {
        /// Which.
        step: StepKey,
        /// From 1.
        attempt: u32,
        /// Hash of the step's body.
        body: Digest,
    },
    /// A step left its output, and its new state if it writes.
    StepFinished {
        /// Which.
        step: StepKey,
        /// How the attempt began, if no row of its own says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        began: Option<Began>,
        /// Its output.
        output: PayloadRef,
        /// The state after it, from a step that writes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<PayloadRef>,
        /// Joins that had already fired in this wave and took the arrival without firing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        absorbed: Vec<StepName>,
    },
    /// An attempt at a step failed.
    StepFailed {
        /// Which.
        step: StepKey,
        /// Which try, from 1.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// When it is tried again; without it the failure is final.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    },
    /// A router picked a route.
    Routed {
        /// The router.
        step: StepKey,
        /// The variant.
        variant: String,
        /// Joins that took the arrival without firing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        absorbed: Vec<StepName>,
    },
    /// An action is about to be sent.
    EffectIntended {
        /// Where.
        position: EffectPosition,
        /// What.
        head: EffectHead,
        /// Which try, from 1.
        attempt: u32,
        /// When it was first sent, by the store's clock.
        first_sent_at: Timestamp,
        /// The call cannot take effect after this.
        not_after: Timestamp,
        /// How many outcomes of its StepRun the code had seen when it asked for this one.
        #[serde(default, skip_serializing_if = "is_zero")]
        seen: u32,
        /// Its arguments, for the person who may have to decide.
        arguments: PayloadRef,
    },
    /// Tries of an effect failed, and it will be tried again or its step was dropped.
    EffectAttempted {
        /// Where.
        position: EffectPosition,
        /// What.
        head: EffectHead,
        /// The tries.
        attempts: Vec<FailedAttempt>,
        /// What they used up.
        spend: Settlement,
    },
    /// An effect has its outcome.
    EffectSettled(Box<EffectSettled>),
    /// A wait was opened.
    WaitOpened {
        /// Where.
        position: EffectPosition,
        /// What.
        head: EffectHead,
        /// For what.
        wait: Wait,
        /// Its arguments, for readers.
        arguments: PayloadRef,
        /// How many outcomes of its StepRun the code had seen when it asked for this one.
        #[serde(default, skip_serializing_if = "is_zero")]
        seen: u32,
        /// What the other side of a call asks, if that is why a person is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Box<InputAsked>>,
    },
    /// Spending set aside for the calls that follow.
    Advanced {
        /// How much is added to what is left of the last advance.
        amount: Spend,
    },
    /// Part of the budget was set aside for a child run.
    Allotted {
        /// The child.
        child: RunId,
        /// Its limits.
        limits: Limits,
    },
    /// The owner read a message from the inbox.
    Received {
        /// The message's position in the inbox.
        inbox: u64,
        /// The message.
        message: InboxBody,
    },
    /// The run moved to another version of its flow.
    Migrated {
        /// The version it had.
        from: FlowVersion,
        /// The version it has.
        to: FlowVersion,
        /// The state in the new version.
        state: PayloadRef,
    },
    /// Nothing new starts; what was done is undone, last first.
    Unwinding {
        /// Why.
        cause: Cause,
    },
    /// The owner gave the run back between steps.
    Released,
    /// Nothing is held until something in the wait set happens.
    Parked {
        /// For what.
        wait: WaitSet,
    },
    /// The fold so far, by reference.
    Checkpoint {
        /// The projection.
        fold: PayloadRef,
    },
    /// This journal ended, and the run goes on in another.
    Moved {
        /// The run's id from now on.
        to: RunId,
        /// The link of the other journal's first row.
        head: Digest,
    },
    /// The run goes on here; the fold stands on its own.
    Rehomed(Box<Rehomed>),
    /// The run ended.
    Finished(Box<Finished>),
}

/// What the other side of a call asks before it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputAsked {
    /// The questions, and what the transport needs to go on.
    pub wanted: PayloadRef,
    /// Whether the call may have acted already and goes on; otherwise it begins anew.
    pub under_way: bool,
}

/// How an attempt at a step began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// When, by the owner's clock.
    pub at: Timestamp,
    /// Which try, from 1.
    pub attempt: u32,
    /// Hash of the step's body.
    pub body: Digest,
}

/// How the journal of a run that moved begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehomed {
    /// The run's id before.
    pub from: RunId,
    /// The hash of the last row the old journal had then.
    pub head: Digest,
    /// The projection it begins from, self-contained.
    pub fold: PayloadRef,
}

/// How a run began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// What it runs.
    pub flow: FlowVersion,
    /// Whose it is.
    pub tenant: String,
    /// The input as it was given.
    pub input: PayloadRef,
    /// The state it starts with.
    pub state: PayloadRef,
    /// The root of all its idempotency keys.
    pub key_root: Digest,
    /// What it may use.
    pub limits: Limits,
    /// Who asked for it, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Search tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Who started it, if a run did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// What it was forked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked: Option<Forked>,
}

/// The run that started this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The parent.
    pub run_id: RunId,
    /// The effect that waits for this run.
    pub position: EffectPosition,
    /// How many runs stand above this one.
    pub depth: u32,
}

/// The run and place this one continues from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forked {
    /// The original.
    pub run_id: RunId,
    /// The last entry that was taken over.
    pub position: Position,
    /// The projection it starts from, self-contained.
    pub fold: PayloadRef,
    /// Whether actions that must not happen twice may be sent again.
    pub leave: Leave,
}

/// A fork has a new key root, so the other side would not recognise a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leave {
    /// Reconcilable and at-most-once actions may be sent.
    Given,
    /// They are denied.
    Withheld,
}

/// How an effect ended, what it used up, and what a reader wants to know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectSettled {
    /// Where.
    pub position: EffectPosition,
    /// What.
    pub head: EffectHead,
    /// Which try led to it, from 1.
    pub attempt: u32,
    /// Tries before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedAttempt>,
    /// The outcome.
    pub outcome: EffectOutcome,
    /// What all its tries used up.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub spend: Settlement,
    /// How many outcomes of its StepRun the code had seen when it asked for this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seen: u32,
    /// When the first try began.
    pub started_at: Timestamp,
    /// The arguments, for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<PayloadRef>,
    /// What a model thought before it answered: for people who look into the run. The code never
    /// sees it, and no prompt is made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<PayloadRef>,
    /// The scope it opened, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Box<Scope>>,
    /// Vendor, finish reason, price version and the like; small.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub about: Value,
}

fn is_nothing(spend: &Settlement) -> bool {
    *spend == Settlement::NOTHING
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Why a run stops starting steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A step failed for good.
    Failed {
        /// The step.
        step: StepKey,
        /// Why.
        failure: Failure,
    },
    /// Somebody cancelled the run.
    Cancelled {
        /// Who and why.
        reason: String,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// With its output.
    Completed,
    /// By a failure.
    Failed,
    /// By a person.
    Cancelled,
    /// With something that could not be undone.
    Partial,
}

impl Ending {
    /// Returns the run's last status.
    #[must_use]
    pub const fn status(self) -> RunStatus {
        match self {
            Self::Completed => RunStatus::Completed,
            Self::Failed => RunStatus::Failed,
            Self::Cancelled => RunStatus::Cancelled,
            Self::Partial => RunStatus::Partial,
        }
    }
}

/// The last entry of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// Its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<PayloadRef>,
    /// Why it did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Joins that had some arrivals and never fired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub half_filled: Vec<HalfFilled>,
}

/// A join that did not fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HalfFilled {
    /// The step that waited.
    pub step: StepName,
    /// What had arrived.
    pub arrived: Vec<String>,
}

impl Entry {
    /// Returns the entry's kind, as tables print it and stores index it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Claimed { .. } => "claimed",
            Self::StepStarted { .. } => "step_started",
            Self::StepFinished { .. } => "step_finished",
            Self::StepFailed { .. } => "step_failed",
            Self::Routed { .. } => "routed",
            Self::EffectIntended { .. } => "effect_intended",
            Self::EffectAttempted { .. } => "effect_attempted",
            Self::EffectSettled(_) => "effect_settled",
            Self::WaitOpened { .. } => "wait_opened",
            Self::Advanced { .. } => "advanced",
            Self::Allotted { .. } => "allotted",
            Self::Received { .. } => "received",
            Self::Migrated { .. } => "migrated",
            Self::Unwinding { .. } => "unwinding",
            Self::Released => "released",
            Self::Parked { .. } => "parked",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Moved { .. } => "moved",
            Self::Rehomed(_) => "rehomed",
            Self::Finished(_) => "finished",
        }
    }
}
