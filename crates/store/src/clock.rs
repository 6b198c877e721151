//! Whose clock a store's rows follow.

use std::{fmt, sync::Arc, time::UNIX_EPOCH};

use mainstay_core::{port::Clock, time::Timestamp};

/// A simulated clock, or the machine's own.
///
/// Leases, timers and `opened_at` follow the store's clock and no worker's, so that workers with
/// clocks of their own agree.
#[derive(Clone, Default)]
pub(crate) struct StoreClock(Option<Arc<dyn Clock>>);

impl StoreClock {
    /// Follows `clock`.
    pub(crate) fn simulated(clock: Arc<dyn Clock>) -> Self {
        Self(Some(clock))
    }

    /// Returns the simulated time, if there is one.
    pub(crate) fn simulated_now(&self) -> Option<Timestamp> {
        self.0.as_ref().map(|clock| clock.now())
    }

    /// Returns the simulated time, or the machine's.
    pub(crate) fn now(&self) -> Timestamp {
        self.simulated_now().unwrap_or_else(machine_now)
    }
}

impl fmt::Debug for StoreClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "simulated" } else { "machine" })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where a store on this machine reads the machine's clock"
)]
fn machine_now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
