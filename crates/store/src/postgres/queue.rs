//! A queue that several connections take from: whoever is free takes all that goes together.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

/// Jobs in the order they came, until it is closed.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    moved: Notify,
}

#[derive(Debug)]
struct State<T> {
    jobs: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    /// Makes an empty queue.
    pub(super) fn new() -> Self {
        let state = Mutex::new(State { jobs: VecDeque::new(), closed: false });
        Self { state, moved: Notify::new() }
    }

    /// Adds a job, or hands it back if nobody will take it.
    pub(super) fn push(&self, job: T) -> Result<(), T> {
        let mut state = self.state();
        if state.closed {
            return Err(job);
        }
        state.jobs.push_back(job);
        drop(state);
        self.moved.notify_one();
        Ok(())
    }

    /// Takes no more jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.moved.notify_waiters();
    }

    /// Returns whether it takes no more jobs.
    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Waits for the next jobs: those that a fresh `picker` picks, asked about each in order. The
    /// others keep their places. Empty once the queue is closed and done.
    pub(super) async fn next<P: FnMut(&T) -> bool>(&self, picker: impl Fn() -> P) -> Vec<T> {
        loop {
            // Made before the look at the queue, so that no push falls between the two.
            let moved = self.moved.notified();
            {
                let mut state = self.state();
                let batch = take(&mut state.jobs, picker());
                if !batch.is_empty() {
                    self.pass_on(&state);
                    return batch;
                }
                if state.closed {
                    return Vec::new();
                }
            }
            moved.await;
        }
    }

    /// Waits for a first job, and then until so many are there or so much time has passed.
    pub(super) async fn gather(&self, jobs: usize, longest: Duration) {
        self.reach(1).await;
        // Too few in that time are few that come at all.
        let _ = tokio::time::timeout(longest, self.reach(jobs)).await;
    }

    async fn reach(&self, jobs: usize) {
        loop {
            let moved = self.moved.notified();
            {
                let state = self.state();
                if state.closed || state.jobs.len() >= jobs {
                    return;
                }
            }
            moved.await;
        }
    }

    /// Wakes a colleague for what was left.
    fn pass_on(&self, state: &State<T>) {
        if !state.jobs.is_empty() {
            self.moved.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take<T>(jobs: &mut VecDeque<T>, mut picks: impl FnMut(&T) -> bool) -> Vec<T> {
    let (batch, rest): (Vec<_>, Vec<_>) = jobs.drain(..).partition(|job| picks(job));
    jobs.extend(rest);
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_goes_together_is_taken_and_the_rest_stays_in_its_order() {
        let queue = Queue::new();
        for job in [1, 2, 3, 4, 5] {
            queue.push(job).unwrap();
        }
        assert_eq!(queue.next(|| |job: &i32| job % 2 == 1).await, [1, 3, 5]);
        queue.close();
        assert_eq!(queue.push(6), Err(6));
        assert_eq!(queue.next(|| |_: &i32| true).await, [2, 4]);
        assert_eq!(queue.next(|| |_: &i32| true).await, [0; 0]);
    }
}
