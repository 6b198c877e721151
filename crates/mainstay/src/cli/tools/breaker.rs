//! Where the breaker of a tool stands, told from the calls in the journals.
//!
//! Each worker has its own breakers, in memory. This is one that has seen the calls of all of them.

use mainstay_core::{
    breaker::{Breaker, BreakerPolicy, BreakerState, Health},
    effect::{EffectOutcome, FailedAttempt},
    failure::{Failure, Retryability},
    journal::EffectSettled,
    time::Timestamp,
};

/// What attempts have learned about the other side, and when.
#[derive(Debug, Default)]
pub(super) struct Learned(Vec<(Timestamp, Health)>);

impl Learned {
    /// Takes in tries that did not work.
    pub(super) fn tried(&mut self, attempts: &[FailedAttempt]) {
        self.0.extend(attempts.iter().map(|tried| (tried.at, of(&tried.failure))));
    }

    /// Takes in how a call ended. Of one in doubt the tries say what there is to know, and one that
    /// was denied was not made.
    pub(super) fn settled(&mut self, settled: &EffectSettled, at: Timestamp) {
        self.tried(&settled.failed);
        match &settled.outcome {
            EffectOutcome::Completed(_) => self.0.push((at, Health::Well)),
            EffectOutcome::Failed(failure) => self.0.push((at, of(failure))),
            EffectOutcome::Denied(_) | EffectOutcome::InDoubt(_) => {}
        }
    }

    /// Returns where a breaker stands now that has seen all of it. One whose time is over lets one
    /// call pass, to find out.
    pub(super) fn state(mut self, policy: BreakerPolicy, now: Timestamp) -> &'static str {
        self.0.sort_by_key(|(at, _)| *at);
        let mut breaker = Breaker::new(policy);
        for (at, health) in self.0 {
            // What came while it was open was refused by it, or is another worker's.
            if let Ok(admission) = breaker.admit(at) {
                breaker.report(admission, health, at);
            }
        }
        match breaker.state() {
            BreakerState::Closed => "closed",
            BreakerState::Open { until } if now < until => "open",
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => "half_open",
        }
    }
}

/// The engine tells its breakers the same: only what may work later speaks of the other side.
fn of(failure: &Failure) -> Health {
    match failure.retry {
        Retryability::Retryable => Health::Ill,
        Retryability::Permanent => Health::Well,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mainstay_core::code::Code;

    use super::*;

    const POLICY: BreakerPolicy =
        BreakerPolicy { window: 4, failure_percent: 50, cool_down: Duration::from_secs(30) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn state(calls: &[(i64, Health)], now: i64) -> &'static str {
        let learned = calls.iter().map(|(seconds, health)| (at(*seconds), *health));
        Learned(learned.collect()).state(POLICY, at(now))
    }

    #[test]
    fn it_opens_waits_and_closes_as_a_workers_does() {
        let ill = |seconds| (seconds, Health::Ill);
        let well = |seconds| (seconds, Health::Well);
        assert_eq!(state(&[], 0), "closed");
        assert_eq!(state(&[ill(1), ill(2), ill(3)], 4), "closed", "too few to tell");
        let down = [well(1), well(2), ill(3), ill(4)];
        assert_eq!(state(&down, 5), "open");
        assert_eq!(state(&down, 34), "half_open", "the next call finds out");
        assert_eq!(state(&[&down[..], &[ill(5)]].concat(), 5), "open", "a call that it refused");
        assert_eq!(state(&[&down[..], &[well(40)]].concat(), 41), "closed");
        assert_eq!(state(&[&down[..], &[ill(40)]].concat(), 41), "open");
        let turned = [&[well(40)], &down[2..], &down[..2]].concat();
        assert_eq!(state(&turned, 41), "closed", "by time, in whatever order runs are read");
    }

    #[test]
    fn a_failure_for_good_says_that_the_other_side_answers() {
        let failed = |failure: fn(Code, String) -> Failure| {
            let failure = failure(Code::ToolFailed, "no".to_owned());
            FailedAttempt { attempt: 1, at: at(1), failure, model: None }
        };
        let mut learned = Learned::default();
        learned.tried(&[failed(Failure::permanent), failed(Failure::retryable)]);
        let healths: Vec<_> = learned.0.iter().map(|(_, health)| *health).collect();
        assert_eq!(healths, [Health::Well, Health::Ill]);
    }
}
