//! The port that every model vendor stands behind.
//!
//! # Why a provider never tries again by itself
//!
//! Retries live in one layer, the engine, which journals each attempt and reserves money for it.
//! A provider that retried would spend what nobody reserved.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{ModelFailure, ModelId, ModelReply, ModelRequest, Price, StreamEvent};
use crate::port::Clock;

/// Receives the pieces of an answer while they arrive. May drop them: only the reply counts.
pub trait StreamSink: Send + Sync {
    /// Takes one piece, without blocking.
    fn event(&self, event: StreamEvent);
}

/// A sink for calls that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl StreamSink for Silent {
    fn event(&self, _: StreamEvent) {}
}

/// What a provider is told about one attempt, beside the request.
#[derive(Clone)]
pub struct CallContext {
    /// Which attempt at this request it is, counted from 1 across crashes.
    pub attempt: u32,
    /// How long the whole attempt may take; its provider's own limit when absent.
    pub deadline: Option<Duration>,
    /// The effect's key, the same for every attempt.
    pub idempotency_key: String,
    /// Time, real or simulated.
    pub clock: Arc<dyn Clock>,
}

impl CallContext {
    /// Makes the context of a first attempt without a deadline.
    #[must_use]
    pub fn new(idempotency_key: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { attempt: 1, deadline: None, idempotency_key: idempotency_key.into(), clock }
    }

    /// Sets which attempt it is, counted from 1.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Limits how long the attempt may take.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("attempt", &self.attempt)
            .field("deadline", &self.deadline)
            .field("idempotency_key", &self.idempotency_key)
            .finish_non_exhaustive()
    }
}

/// A vendor of models.
///
/// `model` is what the request's name was resolved to; the request itself may name a tier.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Returns the name that stands before the colon of its models' ids.
    fn name(&self) -> &str;

    /// Returns whether it serves `model`. Names it cannot check without asking count as served.
    fn serves(&self, model: &ModelId) -> bool {
        model.provider() == self.name()
    }

    /// Returns at least as many tokens as `request` will be counted as by the vendor: what is
    /// reserved before the call.
    fn count_input(&self, model: &ModelId, request: &ModelRequest) -> u64;

    /// Returns a price that the provider itself declares and that goes before the price table's.
    fn price(&self, model: &ModelId) -> Option<Price> {
        let _ = model;
        None
    }

    /// Asks once. Pieces go to `sink` as they arrive; the reply has no cost yet and its JSON is
    /// unchecked.
    ///
    /// # Errors
    /// Anything but a whole answer: see [`ModelFailure`].
    async fn call(
        &self,
        model: &ModelId,
        request: &ModelRequest,
        context: &CallContext,
        sink: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure>;
}
