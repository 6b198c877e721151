//! Rate limits, places and circuit breakers of this process, one per tool or endpoint of models.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mainstay_core::{
    breaker::{Admission, Breaker, BreakerPolicy, BreakerState, Health, Unavailable},
    model::{ModelId, Traffic},
    port::Clock,
    retry::RetryBudget,
    time::Timestamp,
    tool::{RateGate, RateLimit},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Returns the name that the gates of a model's endpoint go by. All models of an endpoint share
/// them: it is the vendor that is down, or that counts our calls.
#[must_use]
pub fn endpoint(model: &ModelId) -> String {
    format!("endpoint:{}", model.provider())
}

/// Returns the name that the gates of a tool go by.
#[must_use]
pub fn tool(name: &str) -> String {
    format!("tool:{name}")
}

/// A place at an endpoint, free again when this is dropped.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Rate limits, places and circuit breakers by the name of what they stand before.
#[derive(Debug, Default)]
pub struct Gates {
    breakers: Mutex<HashMap<String, Breaker>>,
    rates: Mutex<HashMap<String, RateGate>>,
    retries: Mutex<HashMap<String, RetryBudget>>,
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Gates {
    /// Lets a call through, or says for how long nothing gets through.
    ///
    /// # Errors
    /// The breaker is open.
    pub fn admit(
        &self,
        name: &str,
        policy: BreakerPolicy,
        now: Timestamp,
    ) -> Result<Admission, Unavailable> {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let breaker = breakers.entry(name.to_owned());
        breaker.or_insert_with(|| Breaker::new(policy)).admit(now)
    }

    /// Tells how an admitted call went.
    pub fn report(&self, name: &str, admission: Admission, health: Health, now: Timestamp) {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = breakers.get_mut(name) {
            breaker.report(admission, health, now);
        }
    }

    /// Counts an attempt, and says whether it may be made: first ones always, repeats as long as the
    /// budget that all callers of `name` share allows it. In a total outage the load then grows by a
    /// tenth at most.
    #[must_use]
    pub fn attempt(&self, name: &str, attempt: u32) -> bool {
        let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = retries.entry(name.to_owned()).or_default();
        if attempt > 1 {
            return budget.withdraw();
        }
        budget.deposit();
        true
    }

    /// Takes a place in the rate limit; returns how long to wait before trying again if there is
    /// none.
    #[must_use]
    pub fn wait_for(&self, name: &str, limit: RateLimit, now: Timestamp) -> Duration {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = rates.entry(name.to_owned()).or_insert_with(|| RateGate::new(limit));
        gate.admit(now).err().unwrap_or_default()
    }

    /// Waits for a place among the calls that may be under way at an endpoint, and then for its rate.
    /// Whoever gives up waiting has taken neither.
    pub async fn place(&self, name: &str, traffic: &Traffic, clock: &dyn Clock) -> Place {
        let place = self.seat(name, traffic.concurrency).await;
        if let Some(limit) = traffic.rate {
            loop {
                let wait = self.wait_for(name, limit, clock.now());
                if wait.is_zero() {
                    break;
                }
                clock.sleep(wait).await;
            }
        }
        place
    }

    /// Waits for a place among so many; there is always one where nothing is limited.
    pub async fn seat(&self, name: &str, most: Option<u32>) -> Place {
        let permit = match most {
            // A semaphore of ours is never closed.
            Some(most) => self.semaphore(name, most).acquire_owned().await.ok(),
            None => None,
        };
        Place { _permit: permit }
    }

    fn semaphore(&self, name: &str, most: u32) -> Arc<Semaphore> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let most = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS).max(1);
        Arc::clone(places.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(most))))
    }

    /// Returns every breaker's state by name.
    #[must_use]
    pub fn states(&self) -> Vec<(String, BreakerState)> {
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut states: Vec<_> =
            breakers.iter().map(|(name, breaker)| (name.clone(), breaker.state())).collect();
        states.sort_by(|a, b| a.0.cmp(&b.0));
        states
    }
}
