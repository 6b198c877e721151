//! A worker's sole right to its runs, as the worker itself knows it.
//!
//! Validity counts from *before* the beat was sent, on `CLOCK_BOOTTIME`, which goes on while the
//! machine sleeps: a worker that wakes from suspend knows that its time is over.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use mainstay_core::id::SessionId;
use tokio_util::sync::CancellationToken;

/// The lease of one session.
#[derive(Debug)]
pub struct Lease {
    session: SessionId,
    until: AtomicU64,
    lost: CancellationToken,
}

impl Lease {
    /// Begins a lease whose first beat was sent at `sent` on the boot clock.
    #[must_use]
    pub fn begin(session: SessionId, sent: Duration, span: Duration) -> Self {
        let lease = Self { session, until: AtomicU64::new(0), lost: CancellationToken::new() };
        lease.extend(sent, span);
        lease
    }

    /// Returns the session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Counts a beat that was sent at `sent` and acknowledged.
    pub fn extend(&self, sent: Duration, span: Duration) {
        self.until.fetch_max(micros(sent.saturating_add(span)), Ordering::AcqRel);
    }

    /// Returns whether the lease holds at this time of the boot clock.
    #[must_use]
    pub fn holds(&self, boot: Duration) -> bool {
        !self.lost.is_cancelled() && micros(boot) < self.until.load(Ordering::Acquire)
    }

    /// Ends the lease for good.
    pub fn lose(&self) {
        self.lost.cancel();
    }

    /// Returns when the lease has been lost.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Returns whether it has been lost.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
