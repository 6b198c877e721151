//! A schedule, drawn from a seed.

use std::{collections::BTreeMap, fmt, time::Duration};

use mainstay_engine::runtime::Options;
use mainstay_store::conformance::Draw;

use super::Fault;

/// Faults in one schedule at most.
const FAULTS: u64 = 6;

/// Workers at most.
const WORKERS: u64 = 3;

/// What goes wrong in one case, and how fast everything is.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    seed: u64,
    workers: usize,
    /// By the number of the point, counted over all processes.
    faults: BTreeMap<usize, Fault>,
    /// A request or an answer takes up to so many milliseconds.
    latency: u64,
    decision_delay: Duration,
    pause_after_a_death: Duration,
}

impl Schedule {
    /// Draws the schedule of a seed, and which setup it is for: `points` says how many points each
    /// passes undisturbed. `None` without setups.
    pub(super) fn drawn(seed: u64, points: &[usize]) -> Option<(usize, Self)> {
        let mut draw = Draw::new(seed);
        let number = usize::try_from(draw.below(points.len() as u64)).ok()?;
        // Recovery has points too.
        let places = *points.get(number)? as u64 * 3 / 2;
        let mut faults = BTreeMap::new();
        for _ in 0..=draw.below(FAULTS) {
            let place = 1 + usize::try_from(draw.below(places)).ok()?;
            faults.insert(place, Fault::drawn(&mut draw));
        }
        let workers = 1 + usize::try_from(draw.below(WORKERS)).ok()?;
        let latency = *draw.pick(&[1, 3, 20, 200])?;
        let decision_delay = Duration::from_secs(*draw.pick(&[0, 0, 1, 8])?);
        let pause_after_a_death = Duration::from_millis(draw.below(5_000));
        let drawn = Self { seed, workers, faults, latency, decision_delay, pause_after_a_death };
        Some((number, drawn))
    }

    /// Returns the schedule in which nothing goes wrong.
    pub(super) fn quiet() -> Self {
        let none = Duration::ZERO;
        Self {
            seed: 0,
            workers: 1,
            faults: BTreeMap::new(),
            latency: 1,
            decision_delay: none,
            pause_after_a_death: none,
        }
    }

    /// Returns the seed it was drawn from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) const fn workers(&self) -> usize {
        self.workers
    }

    pub(crate) fn fault(&self, point: usize) -> Option<Fault> {
        self.faults.get(&point).copied()
    }

    pub(crate) const fn decision_delay(&self) -> Duration {
        self.decision_delay
    }

    pub(crate) const fn pause_after_a_death(&self) -> Duration {
        self.pause_after_a_death
    }

    /// Returns where the times of requests and answers are drawn from.
    pub(crate) const fn latencies(&self) -> Draw {
        Draw::new(!self.seed)
    }

    /// Draws how long a request or an answer takes.
    pub(crate) const fn span(&self, draw: &mut Draw) -> Duration {
        Duration::from_millis(draw.below(self.latency + 1))
    }

    /// Leases are short, so that little simulated time goes by until a takeover; quarantine has
    /// tests of its own and ends no case here.
    pub(crate) fn options(&self, options: Options) -> Options {
        Options {
            lease: Duration::from_secs(3),
            beat: Duration::from_millis(500),
            fence: Duration::from_secs(2),
            poll: (Duration::from_millis(5), Duration::from_millis(500)),
            crashes: 100,
            ..options
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workers, latency, decision_delay, pause_after_a_death, .. } = self;
        write!(f, "{workers} workers, {latency} ms, decisions after {decision_delay:?}")?;
        write!(f, ", dead for {pause_after_a_death:?}")?;
        self.faults.iter().try_for_each(|(point, fault)| write!(f, ", {point}: {fault}"))
    }
}
