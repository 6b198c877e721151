//! What the outside must offer: ports without a home of their own.

use std::time::Duration;

use async_trait::async_trait;

use crate::{effect::IdempotencyKey, time::Timestamp};

/// Time, real or simulated. Nothing else in Mainstay reads a clock.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns what time it is.
    fn now(&self) -> Timestamp;

    /// Returns the time since the machine started, time in suspend included (`CLOCK_BOOTTIME`):
    /// what leases count on.
    fn boot(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, span: Duration);
}

/// Randomness, from the system or from a seed. Nothing else in Mainstay draws random bytes.
pub trait Entropy: Send + Sync {
    /// Returns 32 fresh random bytes.
    fn draw(&self) -> [u8; 32];
}

/// A bus that carries events between flows and to the world. Each event comes at least once, under
/// a key by which a consumer recognises a repeat.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Hands an event over; it counts as delivered when this returns `Ok`.
    ///
    /// # Errors
    /// The bus did not take it, with the reason; it is offered again.
    async fn publish(&self, subject: &str, key: IdempotencyKey, event: &str) -> Result<(), String>;
}
