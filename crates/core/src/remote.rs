//! Calls that are carried out in other processes: the port between whoever holds such calls and
//! whoever brings them to workers over a network.
//!
//! A call is handed out at most once. Whoever has it keeps it by heartbeats; when they stop, nobody
//! knows whether it acted, and no answer to it is taken any more.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    code::Code, effect::IdempotencyKey, failure::Retryability, id::RunId, secret::Secret,
    time::Timestamp, tool::TookEffect,
};

/// The longest a poll waits.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The most calls a poll hands out.
pub const MOST_TAKEN: usize = 64;

/// Who asks, and what shows it.
#[derive(Debug, Clone)]
pub struct RemoteWorker {
    /// The name of the configuration.
    pub name: String,
    /// What was sent to prove it.
    pub token: Option<Secret>,
}

/// What a worker serves. A worker has one thing of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A tool, for whoever has a grant.
    Tool,
    /// The code of a flow's step.
    Step,
}

impl Kind {
    /// Returns the word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Step => "step",
        }
    }
}

/// A tool or a step as a worker describes it. It has to be the one that is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Which of the two.
    pub kind: Kind,
    /// Its name, without the worker's.
    pub name: String,
    /// JSON Schema of its arguments.
    pub input_schema: Value,
    /// JSON Schema of what it returns.
    pub output_schema: Value,
    /// The word of its effect class.
    pub effect: String,
}

/// A worker that asks for calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    /// What it serves.
    pub offers: Vec<Offer>,
    /// How many calls it takes now; [`MOST_TAKEN`] at most.
    pub take: usize,
    /// How long it waits for the first; [`LONGEST_WAIT`] at most.
    pub wait: Duration,
}

/// A call that was handed out.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// What answers name it by; no other call ever has it.
    pub id: String,
    /// Whether a tool or a step is called.
    pub kind: Kind,
    /// Which, without the worker's name.
    pub name: String,
    /// The arguments; they fit the declared schema.
    pub arguments: Value,
    /// What others recognise a repeat by; the same for every attempt.
    pub key: IdempotencyKey,
    /// Which try, from 1.
    pub attempt: u32,
    /// When the caller stops waiting, by this side's clock.
    pub deadline: Timestamp,
    /// How long that is from now.
    pub left: Duration,
    /// How long it is the worker's without a heartbeat.
    pub lease: Duration,
    /// The run.
    pub run_id: RunId,
}

/// What a worker is told about the calls it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    /// These are its own for another lease.
    pub held: Vec<String>,
    /// For these nobody waits any more: stop.
    pub cancelled: Vec<String>,
    /// These are not its own: the lease lapsed, they were answered, or there never was such a call.
    pub lost: Vec<String>,
}

/// Why a call did not work, as its worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFailure {
    /// A word of the worker's own, for people; may be empty.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Whether another attempt may help.
    pub retry: Retryability,
    /// Whether it may have acted.
    pub took_effect: TookEffect,
    /// How long to wait before another attempt.
    pub retry_after: Option<Duration>,
}

/// Why a call takes no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It was answered before.
    Answered,
    /// Its lease lapsed.
    Lapsed,
    /// Its caller stopped waiting.
    Abandoned,
    /// This worker was never given such a call, or it is long over.
    Unknown,
}

/// Why a worker is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteRefusal {
    /// No worker of that name with that token.
    Denied,
    /// It serves something else than what is declared; one line a difference.
    Undeclared(Vec<String>),
    /// The call takes no answer.
    Closed(Closed),
    /// The token it has to show cannot be had now; the text does not contain it.
    NoToken(String),
}

impl RemoteRefusal {
    /// Returns the code of the error a person sees.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Denied | Self::NoToken(_) => Code::WorkerDenied,
            Self::Undeclared(_) => Code::WorkerUndeclared,
            Self::Closed(_) => Code::WorkerClosed,
        }
    }

    /// Returns whether the same message may be taken later.
    #[must_use]
    pub const fn retry(&self) -> Retryability {
        match self {
            Self::NoToken(_) => Retryability::Retryable,
            Self::Denied | Self::Undeclared(_) | Self::Closed(_) => Retryability::Permanent,
        }
    }

    /// Says what to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Denied => "compare the worker's name and token with `[workers.NAME]`",
            Self::NoToken(_) => "set the secret that `[workers.NAME]` names",
            Self::Undeclared(_) => {
                "write the worker's manifest anew, review the change, and restart `mainstay worker`"
            }
            Self::Closed(Closed::Answered) => "nothing: the first answer counts",
            Self::Closed(Closed::Lapsed) => {
                "beat more often; what became of the call is decided without this answer"
            }
            Self::Closed(Closed::Abandoned) => "stop such calls when a heartbeat says so",
            Self::Closed(Closed::Unknown) => "poll, and answer what was handed out",
        }
    }
}

impl fmt::Display for RemoteRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("no worker of that name with that token"),
            Self::Undeclared(lines) => {
                write!(f, "the worker serves something else than what is declared: ")?;
                f.write_str(&lines.join("; "))
            }
            Self::Closed(Closed::Answered) => f.write_str("the call was answered before"),
            Self::Closed(Closed::Lapsed) => f.write_str("the call's lease lapsed"),
            Self::Closed(Closed::Abandoned) => f.write_str("nobody waits for the call any more"),
            Self::Closed(Closed::Unknown) => f.write_str("the worker has no such call"),
            Self::NoToken(why) => write!(f, "the worker's token cannot be checked: {why}"),
        }
    }
}

impl std::error::Error for RemoteRefusal {}

/// Whoever holds calls for workers in other processes.
#[async_trait]
pub trait RemoteWork: Send + Sync {
    /// Hands out calls; waits for the first as long as the poll says. Dropping the future hands out
    /// nothing.
    ///
    /// # Errors
    /// The worker is not known, or serves something else than what is declared.
    async fn poll(
        &self,
        worker: &RemoteWorker,
        poll: Poll,
    ) -> Result<Vec<Assignment>, RemoteRefusal>;

    /// Takes a sign of life, and renews the leases of these calls.
    ///
    /// # Errors
    /// The worker is not known.
    async fn heartbeat(
        &self,
        worker: &RemoteWorker,
        calls: &[String],
    ) -> Result<Beat, RemoteRefusal>;

    /// Takes the result of a call.
    ///
    /// # Errors
    /// The worker is not known, or the call takes no answer.
    async fn complete(
        &self,
        worker: &RemoteWorker,
        call: &str,
        result: Value,
    ) -> Result<(), RemoteRefusal>;

    /// Takes the failure of a call.
    ///
    /// # Errors
    /// The worker is not known, or the call takes no answer.
    async fn fail(
        &self,
        worker: &RemoteWorker,
        call: &str,
        failure: RemoteFailure,
    ) -> Result<(), RemoteRefusal>;
}
