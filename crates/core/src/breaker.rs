//! The circuit breaker: after too many failures nobody calls for a while, then one probes.
//!
//! A pure state machine; the time is an argument. One stands before each tool and endpoint.

use std::{collections::VecDeque, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// When a breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerPolicy {
    /// How many of the latest calls are looked at; fewer than this never open it.
    pub window: usize,
    /// Opens when at least this share of them failed, in percent.
    pub failure_percent: usize,
    /// How long it stays open before one call may probe.
    pub cool_down: Duration,
}

/// Half of the last 20 calls, 30 seconds.
impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { window: 20, failure_percent: 50, cool_down: Duration::from_secs(30) }
    }
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// No call passes before the time.
    Open {
        /// When one call may probe.
        until: Timestamp,
    },
    /// One call is under way to find out; a probe that has not reported by the time is given up.
    HalfOpen {
        /// When another call may probe.
        until: Timestamp,
    },
}

/// What a call learned about the other side. A call that says nothing about its health (refused
/// arguments, cancelled by us) is not reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answered.
    Well,
    /// It failed or did not answer in time.
    Ill,
}

/// Leave to make a call, to be reported with what it learned.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the call it admits is to be reported"]
pub struct Admission {
    /// Which period of the breaker it was given in; reports of an earlier one are too late.
    period: u64,
}

/// The breaker is open: the call was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable {
    /// How long until a call may pass at the earliest.
    pub retry_after: Duration,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unavailable: it failed too often; next try in {:?}", self.retry_after)
    }
}

impl std::error::Error for Unavailable {}

/// One circuit breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    policy: BreakerPolicy,
    state: BreakerState,
    period: u64,
    latest: VecDeque<Health>,
}

impl Breaker {
    /// Makes a closed breaker.
    #[must_use]
    pub const fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: BreakerState::Closed, period: 0, latest: VecDeque::new() }
    }

    /// Returns where it stands.
    #[must_use]
    pub const fn state(&self) -> BreakerState {
        self.state
    }

    /// Lets a call pass, or says how long none will.
    ///
    /// # Errors
    /// The breaker is open, or a probe is under way.
    pub fn admit(&mut self, now: Timestamp) -> Result<Admission, Unavailable> {
        match self.state {
            BreakerState::Closed => {}
            BreakerState::Open { until } | BreakerState::HalfOpen { until } if now < until => {
                return Err(Unavailable { retry_after: until.since(now) });
            }
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => {
                self.enter(BreakerState::HalfOpen { until: now.after(self.policy.cool_down) });
            }
        }
        Ok(Admission { period: self.period })
    }

    /// Takes in what a call learned. A report from before the breaker last changed is ignored: it
    /// tells of a time that was already judged.
    pub fn report(&mut self, admission: Admission, health: Health, now: Timestamp) {
        if admission.period != self.period {
            return;
        }
        match (self.state, health) {
            (BreakerState::Closed, _) => self.count(health, now),
            (_, Health::Well) => self.enter(BreakerState::Closed),
            (_, Health::Ill) => self.open(now),
        }
    }

    fn count(&mut self, health: Health, now: Timestamp) {
        self.latest.push_back(health);
        if self.latest.len() > self.policy.window {
            self.latest.pop_front();
        }
        let ill = self.latest.iter().filter(|health| **health == Health::Ill).count();
        let enough = self.latest.len() >= self.policy.window;
        if enough && ill * 100 >= self.latest.len() * self.policy.failure_percent {
            self.open(now);
        }
    }

    fn open(&mut self, now: Timestamp) {
        self.enter(BreakerState::Open { until: now.after(self.policy.cool_down) });
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.period += 1;
        self.latest.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn after(calls: impl IntoIterator<Item = Health>) -> Breaker {
        let mut breaker = Breaker::new(BreakerPolicy::default());
        for health in calls {
            let admission = breaker.admit(at(0)).unwrap();
            breaker.report(admission, health, at(0));
        }
        breaker
    }

    fn opened() -> Breaker {
        after([Health::Ill; 20])
    }

    #[test]
    fn it_opens_at_half_of_twenty_calls_and_not_before() {
        let half = |ill| (0..20).map(move |i| if i < ill { Health::Ill } else { Health::Well });
        assert_eq!(after(half(9)).state(), BreakerState::Closed);
        assert_eq!(after(half(10)).state(), BreakerState::Open { until: at(30) });
        assert_eq!(after([Health::Ill; 19]).state(), BreakerState::Closed);
    }

    #[test]
    fn old_calls_leave_the_window() {
        let calls = [[Health::Well; 20], [Health::Ill; 20]].concat();
        assert_eq!(after(calls[..29].to_vec()).state(), BreakerState::Closed);
        assert_eq!(after(calls[..30].to_vec()).state(), BreakerState::Open { until: at(30) });
    }

    #[test]
    fn an_open_breaker_says_how_long_and_lets_one_probe_through() {
        let mut breaker = opened();
        let refusal = breaker.admit(at(10)).unwrap_err();
        assert_eq!(refusal, Unavailable { retry_after: Duration::from_secs(20) });
        let _probe = breaker.admit(at(30)).unwrap();
        assert!(breaker.admit(at(30)).is_err(), "one probe at a time");
    }

    #[test]
    fn a_good_probe_closes_it_and_a_bad_one_opens_it_again() {
        let mut breaker = opened();
        let probe = breaker.admit(at(30)).unwrap();
        breaker.report(probe, Health::Ill, at(31));
        assert_eq!(breaker.state(), BreakerState::Open { until: at(61) });
        let probe = breaker.admit(at(61)).unwrap();
        breaker.report(probe, Health::Well, at(62));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_probe_that_never_reports_does_not_keep_it_shut() {
        let mut breaker = opened();
        drop(breaker.admit(at(30)).unwrap());
        assert!(breaker.admit(at(59)).is_err());
        assert!(breaker.admit(at(60)).is_ok());
    }

    #[test]
    fn late_reports_of_calls_from_before_it_opened_do_not_close_it() {
        let mut breaker = after([Health::Ill; 19]);
        let slow = breaker.admit(at(0)).unwrap();
        let last = breaker.admit(at(0)).unwrap();
        breaker.report(last, Health::Ill, at(1));
        let _probe = breaker.admit(at(40)).unwrap();
        breaker.report(slow, Health::Well, at(41));
        assert_eq!(breaker.state(), BreakerState::HalfOpen { until: at(70) });
    }
}
