//! What a program offers to `demo`.

use async_trait::async_trait;
use mainstay_core::{failure::StepError, run::RunStatus, wait::Wait};
use mainstay_engine::commands::StartRun;
use serde_json::Value;

use crate::app::Surroundings;

/// A show of what a program does, on data of its own.
///
/// The command starts the runs, drives them with workers of its own, kills one of these in the
/// middle, waits until every run has ended or waits for a person, and holds what happened outside
/// against what the journals say was meant to happen.
#[async_trait]
pub trait Demo: Send + Sync {
    /// Returns one line about what is shown.
    fn about(&self) -> &'static str;

    /// Makes the outside world, if it is not there, and returns the runs to start. Each has an
    /// idempotency key, so that a second call starts nothing twice.
    ///
    /// # Errors
    /// The world cannot be made.
    async fn prepare(&self, surroundings: &Surroundings) -> Result<Vec<StartRun>, StepError>;

    /// Says whether a run came to what it comes to with the program's own model, and if not, what
    /// it should have come to.
    ///
    /// # Errors
    /// It came to something else.
    fn check(&self, run: &Shown) -> Result<(), String>;

    /// Returns what the outside world would call the same action: for a call that pays back, the
    /// payment. `None` if the tool changes nothing.
    fn subject(&self, tool: &str, arguments: &Value) -> Option<Subject>;

    /// Returns everything that happened in the outside world.
    ///
    /// # Errors
    /// The world does not answer.
    async fn performed(&self, surroundings: &Surroundings) -> Result<Vec<Performed>, StepError>;
}

/// A run that has ended or waits.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The key it was started with.
    pub key: String,
    /// Where it stands.
    pub status: RunStatus,
    /// What it waits for.
    pub waits: Vec<Wait>,
    /// What it returned; null if nothing.
    pub output: Value,
}

/// An action as a person outside would tell it from others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// What was done, such as `refund`.
    pub action: String,
    /// What it was done to, such as the payment.
    pub to: String,
}

/// How often an action happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performed {
    /// Which.
    pub subject: Subject,
    /// How often.
    pub times: u64,
}
