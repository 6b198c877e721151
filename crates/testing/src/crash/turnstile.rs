//! Lets answers of calls out in the order in which the calls went in.
//!
//! Calls that are under way together answer in the order of their real durations, which no
//! simulated clock holds: with this, a journal does not depend on them.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Where the calls of one process go in and out.
#[derive(Debug, Default)]
pub(super) struct Turnstile {
    inside: Mutex<(u64, BTreeSet<u64>)>,
    moved: Notify,
}

/// A place in the order; given up when dropped.
pub(super) struct Turn<'t> {
    turnstile: &'t Turnstile,
    number: u64,
}

impl Turnstile {
    pub(super) fn enter(&self) -> Turn<'_> {
        let mut inside = self.lock();
        inside.0 += 1;
        let number = inside.0;
        inside.1.insert(number);
        Turn { turnstile: self, number }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeSet<u64>)> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Returns when every call that went in before has answered or was given up.
    pub(super) async fn come(&self) {
        loop {
            let moved = self.turnstile.moved.notified();
            if self.turnstile.lock().1.first() == Some(&self.number) {
                return;
            }
            moved.await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turnstile.lock().1.remove(&self.number);
        self.turnstile.moved.notify_waiters();
    }
}
