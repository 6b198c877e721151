//! What the outside must offer: ports without a home of their own.

use std::time::Duration;

use async_trait::async_trait;

use crate::time::Timestamp;

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
