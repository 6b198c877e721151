//! How often a tool may be called: the generic cell rate algorithm, with the time as an argument.
//!
//! A bucket that refills continuously, kept as one number: the time at which it will be full again
//! (ITU-T I.371, "theoretical arrival time").

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// So many calls per span, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How many calls.
    pub calls: u32,
    /// In which span.
    pub per: Duration,
    /// How many of them at once.
    pub burst: u32,
}

impl RateLimit {
    /// Limits calls per span, all of which may come at once.
    #[must_use]
    pub const fn new(calls: u32, per: Duration) -> Self {
        Self { calls, per, burst: calls }
    }

    /// Sets how many calls may come at once.
    #[must_use]
    pub const fn with_burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }

    /// Returns the span that one call takes up; zero calls are held to one.
    fn interval(&self) -> Duration {
        self.per / self.calls.max(1)
    }
}

/// Counts calls against a [`RateLimit`].
#[derive(Debug, Clone)]
pub struct RateGate {
    limit: RateLimit,
    full_at: Timestamp,
}

impl RateGate {
    /// Makes a gate through which nobody has passed yet.
    #[must_use]
    pub const fn new(limit: RateLimit) -> Self {
        Self { limit, full_at: Timestamp::from_micros(i64::MIN) }
    }

    /// Lets a call pass.
    ///
    /// # Errors
    /// The calls are used up; the span is how long until one can pass.
    pub fn admit(&mut self, now: Timestamp) -> Result<(), Duration> {
        let interval = self.limit.interval();
        let room = interval.saturating_mul(self.limit.burst.max(1));
        let full_at = self.full_at.max(now).after(interval);
        let used = full_at.since(now);
        if used > room {
            return Err(used.saturating_sub(room));
        }
        self.full_at = full_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_burst_passes_and_the_next_call_is_told_how_long_to_wait() {
        let mut gate = RateGate::new(RateLimit::new(10, Duration::from_secs(1)).with_burst(3));
        for _ in 0..3 {
            assert_eq!(gate.admit(at(0)), Ok(()));
        }
        assert_eq!(gate.admit(at(0)), Err(Duration::from_millis(100)));
        assert_eq!(gate.admit(at(40)), Err(Duration::from_millis(60)));
        assert_eq!(gate.admit(at(100)), Ok(()));
    }

    #[test]
    fn no_second_sees_more_than_the_rate_and_one_burst() {
        let mut gate = RateGate::new(RateLimit::new(10, Duration::from_secs(1)));
        let passed = |gate: &mut RateGate, from: i64, to: i64| {
            (from..to).filter(|ms| gate.admit(at(*ms)).is_ok()).count()
        };
        assert_eq!(passed(&mut gate, 0, 1_000), 19, "a burst of ten, then one each 100 ms");
        assert_eq!(passed(&mut gate, 1_000, 11_000), 100);
    }

    #[test]
    fn a_clock_that_steps_back_lets_nobody_pass_for_free() {
        let mut gate = RateGate::new(RateLimit::new(1, Duration::from_secs(1)));
        assert_eq!(gate.admit(at(5_000)), Ok(()));
        assert!(gate.admit(at(0)).is_err());
    }
}
