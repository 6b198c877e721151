//! What a tool knows of the call it serves.

use std::sync::Arc;

use mainstay_core::{
    effect::{EffectPosition, IdempotencyKey},
    id::RunId,
    time::Timestamp,
    tool::ToolFailure,
};

use super::resources::Resources;

/// What a tool knows of the call it serves, and what it works on.
#[derive(Debug, Clone)]
pub struct ToolContext {
    pub(super) key: IdempotencyKey,
    pub(super) attempt: u32,
    pub(super) deadline: Timestamp,
    pub(super) run_id: RunId,
    pub(super) position: EffectPosition,
    pub(super) resources: Resources,
}

impl ToolContext {
    /// Returns what the other side recognises a repeat by: the same for every attempt, and nobody
    /// else's. Send it along.
    #[must_use]
    pub const fn idempotency_key(&self) -> IdempotencyKey {
        self.key
    }

    /// Returns which try this is, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns when the caller stops waiting. What is sent on must not take effect after it.
    #[must_use]
    pub const fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// Returns the run.
    #[must_use]
    pub const fn run_id(&self) -> RunId {
        self.run_id
    }

    /// Returns the step.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.position.step.step
    }

    /// Returns where in the run the call stands.
    #[must_use]
    pub const fn position(&self) -> &EffectPosition {
        &self.position
    }

    /// Returns something the program gave its tools, such as a connection or a client.
    ///
    /// # Errors
    /// The program did not give it; nothing was called.
    pub fn resource<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, ToolFailure> {
        let missing = || format!("the program has no resource `{}`", std::any::type_name::<T>());
        self.resources.get().ok_or_else(|| ToolFailure::refused(missing()))
    }
}
