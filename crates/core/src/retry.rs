//! When a failed attempt is tried again, and how much trying again a worker may do in all.
//!
//! Exponential backoff with *full* jitter: the wait is uniform between zero and the ceiling of the
//! attempt, which spreads a herd better than any wait with a fixed part
//! (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::failure::Retryability;

/// The most attempts anything gets, the first included. More hide an outage and feed it.
pub const MOST_ATTEMPTS: u32 = 3;

/// How often and how patiently a failed attempt is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Written")]
pub struct RetryPolicy {
    max_attempts: u32,
    base: Duration,
    factor: u32,
    max: Duration,
}

/// A policy as it is written down, before its number of attempts is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    max_attempts: u32,
    base: Duration,
    factor: u32,
    max: Duration,
}

/// A policy wants no attempt at all, or more than [`MOST_ATTEMPTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptsOutOfRange(u32);

impl fmt::Display for AttemptsOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} attempts; from 1 to {MOST_ATTEMPTS} are allowed", self.0)
    }
}

impl std::error::Error for AttemptsOutOfRange {}

impl TryFrom<Written> for RetryPolicy {
    type Error = AttemptsOutOfRange;
    fn try_from(written: Written) -> Result<Self, AttemptsOutOfRange> {
        let Written { max_attempts, base, factor, max } = written;
        Ok(Self { base, factor, max, ..Self::attempts(max_attempts)? })
    }
}

/// Three attempts, up to 0.2 s and 0.4 s apart.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: MOST_ATTEMPTS, ..Self::never() }
    }
}

impl RetryPolicy {
    /// Makes a policy of one attempt.
    #[must_use]
    pub const fn never() -> Self {
        let (base, max) = (Duration::from_millis(200), Duration::from_secs(30));
        Self { max_attempts: 1, base, factor: 2, max }
    }

    /// Makes a policy of so many attempts, the first included.
    ///
    /// # Errors
    /// Zero attempts, or more than [`MOST_ATTEMPTS`].
    pub fn attempts(max_attempts: u32) -> Result<Self, AttemptsOutOfRange> {
        match max_attempts {
            1..=MOST_ATTEMPTS => Ok(Self { max_attempts, ..Self::never() }),
            _ => Err(AttemptsOutOfRange(max_attempts)),
        }
    }

    /// Sets the ceiling of the first wait and of every wait.
    #[must_use]
    pub const fn with_wait(mut self, base: Duration, max: Duration) -> Self {
        self.base = base;
        self.max = max;
        self
    }

    /// Sets by how much the ceiling grows with each attempt.
    #[must_use]
    pub const fn with_factor(mut self, factor: u32) -> Self {
        self.factor = factor;
        self
    }

    /// Returns how many attempts there are, the first included.
    #[must_use]
    pub const fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// Returns how long to wait after `attempt` (the first is 1) failed, or `None` if it was the
    /// last or another would not help.
    #[must_use]
    pub fn next(
        &self,
        attempt: u32,
        retry: Retryability,
        random: u64,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let again = retry == Retryability::Retryable && attempt < self.max_attempts;
        again.then(|| self.delay(attempt, random, retry_after))
    }

    /// Returns how long to wait after `attempt` failed: full jitter, on top of what the other side
    /// asked for, so that everybody who was told the same time does not come back at once.
    #[must_use]
    pub fn delay(&self, attempt: u32, random: u64, retry_after: Option<Duration>) -> Duration {
        let jitter = fraction(self.ceiling(attempt), random);
        retry_after.unwrap_or(Duration::ZERO).saturating_add(jitter)
    }

    /// Returns the longest wait after `attempt`: `base * factor^(attempt - 1)`, at most `max`.
    #[must_use]
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let growth = self.factor.saturating_pow(attempt.saturating_sub(1));
        self.base.saturating_mul(growth).min(self.max)
    }
}

/// Returns `span * random / 2^64`, in whole microseconds.
fn fraction(span: Duration, random: u64) -> Duration {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let part = (u128::from(micros) * u128::from(random)) >> 64;
    Duration::from_micros(u64::try_from(part).unwrap_or(u64::MAX))
}

/// Retries that a worker may still make, shared by all its calls of one kind.
///
/// Each first attempt pays a tenth of a retry in. When everything fails, so few retries are left
/// that the outage sees at most 1.1 times the usual load. A new budget lends some retries, so that
/// a quiet worker can retry too; the first attempts pay the loan back before they earn anything,
/// so retries never exceed `max(lent, first attempts / 10)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryBudget {
    tenths: u64,
    owed: u64,
    cap: u64,
}

/// What one retry costs, in tenths.
const RETRY: u64 = 10;

/// Lends ten retries and saves up at most a hundred.
impl Default for RetryBudget {
    fn default() -> Self {
        Self::new(10, 100)
    }
}

impl RetryBudget {
    /// Makes a budget that lends some retries and saves up at most `cap` of them.
    #[must_use]
    pub const fn new(lent: u64, cap: u64) -> Self {
        let lent = lent.saturating_mul(RETRY);
        Self { tenths: lent, owed: lent, cap: cap.saturating_mul(RETRY) }
    }

    /// Counts a first attempt.
    pub fn deposit(&mut self) {
        if self.owed > 0 {
            self.owed -= 1;
        } else if self.tenths < self.cap {
            self.tenths += 1;
        }
    }

    /// Takes one retry, if there is one; without it the failure is final.
    #[must_use]
    pub fn withdraw(&mut self) -> bool {
        let affordable = self.tenths >= RETRY;
        if affordable {
            self.tenths -= RETRY;
        }
        affordable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_RANDOM: u64 = 0;
    const MOST_RANDOM: u64 = u64::MAX;

    #[test]
    fn the_ceiling_doubles_and_stops_at_the_longest_wait() {
        let policy = RetryPolicy::default()
            .with_wait(Duration::from_millis(100), Duration::from_millis(350));
        let ceilings: Vec<_> = (1..=4).map(|n| policy.ceiling(n).as_millis()).collect();
        assert_eq!(ceilings, [100, 200, 350, 350]);
    }

    #[test]
    fn jitter_reaches_from_zero_to_the_ceiling() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(1, NO_RANDOM, None), Duration::ZERO);
        assert_eq!(policy.delay(1, u64::MAX / 2 + 1, None), Duration::from_millis(100));
        let most = policy.delay(1, MOST_RANDOM, None);
        assert!(most > Duration::from_millis(199) && most <= Duration::from_millis(200));
    }

    #[test]
    fn what_the_other_side_asked_for_is_never_undercut() {
        let policy = RetryPolicy::default();
        let asked = Duration::from_secs(90);
        assert_eq!(policy.delay(1, NO_RANDOM, Some(asked)), asked);
        assert!(policy.delay(1, MOST_RANDOM, Some(asked)) > asked);
    }

    #[test]
    fn the_third_attempt_is_the_last_and_a_permanent_failure_is_at_once() {
        let policy = RetryPolicy::default();
        let next = |attempt, retry| policy.next(attempt, retry, NO_RANDOM, None).is_some();
        assert!(next(1, Retryability::Retryable) && next(2, Retryability::Retryable));
        assert!(!next(3, Retryability::Retryable) && !next(1, Retryability::Permanent));
    }

    #[test]
    fn a_policy_of_four_attempts_cannot_be_made_or_read() {
        assert_eq!(RetryPolicy::attempts(4), Err(AttemptsOutOfRange(4)));
        let mut written = serde_json::to_value(RetryPolicy::default()).unwrap();
        assert_eq!(
            serde_json::from_value::<RetryPolicy>(written.clone()).unwrap(),
            RetryPolicy::default()
        );
        written["max_attempts"] = 4.into();
        let error = serde_json::from_value::<RetryPolicy>(written).unwrap_err();
        assert!(error.to_string().contains("from 1 to 3"), "{error}");
    }

    #[test]
    fn huge_attempts_and_factors_do_not_overflow() {
        let policy = RetryPolicy::default().with_factor(u32::MAX);
        assert_eq!(policy.delay(u32::MAX, NO_RANDOM, None), Duration::ZERO);
        assert_eq!(policy.ceiling(u32::MAX), Duration::from_secs(30));
    }

    /// Plays a total outage and returns attempts per first attempt.
    fn amplification(calls: u32, mut may_retry: impl FnMut() -> bool) -> f64 {
        let tries = (0..calls).flat_map(|_| 1..MOST_ATTEMPTS);
        let retries = tries.fold(0, |made, _| made + u32::from(may_retry()));
        f64::from(calls + retries) / f64::from(calls)
    }

    #[test]
    fn a_total_outage_sees_at_most_a_tenth_more_load() {
        for calls in [100, 1_000, 100_000] {
            let mut budget = RetryBudget::default();
            let mut first = 0;
            let seen = amplification(calls, || {
                while first < calls {
                    first += 1;
                    budget.deposit();
                }
                budget.withdraw()
            });
            assert!(seen <= 1.1, "{seen} after {calls} calls");
        }
    }

    #[test]
    fn without_the_budget_the_same_outage_sees_three_times_the_load() {
        assert!(amplification(1_000, || true) > 2.9);
    }

    #[test]
    fn interleaved_deposits_keep_the_bound_too() {
        let mut budget = RetryBudget::default();
        let (mut calls, mut retries) = (0_u64, 0_u64);
        for _ in 0..10_000 {
            calls += 1;
            budget.deposit();
            while budget.withdraw() {
                retries += 1;
            }
            assert!(retries <= (calls / 10).max(10), "{retries} retries after {calls} calls");
        }
        assert_eq!(retries, 1_000);
    }
}
