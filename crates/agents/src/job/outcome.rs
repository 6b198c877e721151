//! What became of a job: its plans, its calls, its verdicts.

use mainstay_core::{
    code::Code,
    failure::Failure,
    plan::{Outputs, PlannedEffect},
    tool::ToolOutcome,
};
use serde::{Deserialize, Serialize};

use super::{Commitment, Judged};

/// How a step's call ended, as one word of a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeWord {
    /// It returned something.
    Found,
    /// It worked, and there was nothing.
    Empty,
    /// It did not work.
    Failed,
    /// It was not allowed.
    Denied,
    /// Nobody knows.
    InDoubt,
    /// It was not called: its slots or its arguments were not sound.
    NotCalled,
}

impl OutcomeWord {
    /// Returns the word that tables use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Empty => "empty",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::InDoubt => "in_doubt",
            Self::NotCalled => "not_called",
        }
    }

    /// Returns the word and the code of an outcome.
    #[must_use]
    pub const fn of(outcome: &ToolOutcome) -> (Self, Option<Code>) {
        match outcome {
            ToolOutcome::Found(_) => (Self::Found, None),
            ToolOutcome::Empty => (Self::Empty, None),
            ToolOutcome::Failed(failure) => (Self::Failed, Some(failure.code)),
            ToolOutcome::Denied(denial) => (Self::Denied, Some(denial.code())),
            ToolOutcome::InDoubt(_) => (Self::InDoubt, Some(Code::InDoubt)),
        }
    }
}

/// What a planner is told of a failure: names of its own plan and words of closed lists. Nothing
/// that a tool or a model wrote can be in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// The step.
    pub step: String,
    /// Its tool.
    pub tool: String,
    /// How its call ended.
    pub outcome: OutcomeWord,
    /// By which code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

/// What became of one step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// The step.
    pub step: String,
    /// Its tool.
    pub tool: String,
    /// Of which version of the plan.
    pub version: u32,
    /// What a repeat would do.
    pub effect: PlannedEffect,
    /// How its call ended.
    pub outcome: OutcomeWord,
    /// By which code it did not go as it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEnd {
    /// Every step of the last version is done.
    Completed,
    /// A step did not go as expected, and the job may not go on by itself.
    Stopped(Failure),
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobOutcome {
    /// How it ended.
    pub end: JobEnd,
    /// The plans that were committed, the first first.
    pub versions: Vec<Commitment>,
    /// What became of each step that was begun, in order.
    pub steps: Vec<StepOutcome>,
    /// What was judged, in order.
    pub verdicts: Vec<Judged>,
    /// What the finished steps returned.
    pub outputs: Outputs,
}

impl JobOutcome {
    /// Returns it if every step is done.
    ///
    /// # Errors
    /// Why the job stopped.
    pub fn completed(self) -> Result<Self, Failure> {
        match self.end {
            JobEnd::Completed => Ok(self),
            JobEnd::Stopped(failure) => Err(failure),
        }
    }
}
