//! What a program offers to `demo`.

use async_trait::async_trait;
use mainstay_core::failure::StepError;
use mainstay_engine::commands::StartRun;

use crate::app::Surroundings;

/// A show of what a program does, on data of its own.
///
/// The command starts the runs, drives them with workers of its own, kills one of these in the
/// middle, waits until every run has ended or waits for a person, and asks what happened outside.
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

    /// Returns every external action that the outside world has seen: its idempotency key and how
    /// often it happened.
    ///
    /// # Errors
    /// The world does not answer.
    async fn performed(&self, surroundings: &Surroundings) -> Result<Vec<(String, u64)>, StepError>;
}
