//! A clock that a test moves, and randomness from a seed.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mainstay_core::{
    digest::Digest,
    port::{Clock, Entropy},
    time::Timestamp,
};

/// The longest a simulated wait takes in reality unless told: loops that poll go on, time stands
/// still.
const LONGEST_WAIT: Duration = Duration::from_millis(2);

/// Time that stands still until a test moves it.
///
/// Waits end after a few real milliseconds without moving the time: what a run does in one go
/// happens at one instant, so its journal is the same on every run and on every store.
#[derive(Debug)]
pub struct SimulatedClock {
    now: AtomicI64,
    longest_wait: Duration,
    /// Since when time also passes by itself, on the paused clock of a tokio runtime.
    flows_since: Option<tokio::time::Instant>,
}

impl Default for SimulatedClock {
    fn default() -> Self {
        Self::at(Timestamp::from_millis(1_790_000_000_000))
    }
}

impl SimulatedClock {
    /// Makes a clock that shows `now`.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { now: AtomicI64::new(now.micros()), longest_wait: LONGEST_WAIT, flows_since: None }
    }

    /// Sets how long a wait takes in reality at most: more where a look costs more.
    #[must_use]
    pub const fn with_longest_wait(mut self, span: Duration) -> Self {
        self.longest_wait = span;
        self
    }

    /// Lets time pass by itself too, as the paused tokio runtime that this is called in lets it:
    /// whenever nothing else can happen. Waits then take their whole span.
    #[must_use]
    pub fn flowing(mut self) -> Self {
        self.flows_since = Some(tokio::time::Instant::now());
        self
    }

    /// Returns how long a wait takes in reality at most.
    #[must_use]
    pub const fn longest_wait(&self) -> Duration {
        self.longest_wait
    }

    /// Moves the time.
    pub fn advance(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.now.fetch_add(micros, Ordering::AcqRel);
    }
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let moved = Timestamp::from_micros(self.now.load(Ordering::Acquire));
        self.flows_since.map_or(moved, |since| moved.after(since.elapsed()))
    }

    fn boot(&self) -> Duration {
        Duration::from_micros(self.now().micros().unsigned_abs())
    }

    async fn sleep(&self, span: Duration) {
        let whole = self.flows_since.is_some();
        tokio::time::sleep(if whole { span } else { span.min(self.longest_wait) }).await;
    }
}

/// Random bytes from a seed: the same seed gives the same bytes in the same order.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<Digest>);

impl SeededEntropy {
    /// Makes a source from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Digest::of(&seed.to_le_bytes())))
    }
}

impl Entropy for SeededEntropy {
    fn draw(&self) -> [u8; 32] {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = Digest::of_parts([&state.as_bytes()[..], b"draw"]);
        *state = Digest::of_parts([&state.as_bytes()[..], b"next"]);
        *drawn.as_bytes()
    }
}
