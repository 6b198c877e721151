//! A queue that several connections take from: whoever is free takes all that goes together.
//!
//! Of several that are free, the one that was at work last is woken: one caller alone stays with one
//! connection, and those that nobody needs are never made.

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
    /// How many are at work on a batch that others begin theirs beside, and how large the last was.
    at_work: usize,
    last: usize,
}

impl<T> State<T> {
    fn pick(&mut self, mut picks: impl FnMut(&T) -> bool) -> Vec<T> {
        let (batch, rest): (Vec<_>, Vec<_>) = self.jobs.drain(..).partition(|job| picks(job));
        self.jobs.extend(rest);
        batch
    }
}

/// Somebody who is at work on a batch.
#[derive(Debug)]
pub(super) struct AtWork<'a, T>(&'a Queue<T>);

impl<T> Drop for AtWork<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.at_work -= 1;
        self.0.pass_on(&state);
    }
}

impl<T> Queue<T> {
    /// Makes an empty queue.
    pub(super) fn new() -> Self {
        let state = Mutex::new(State { jobs: VecDeque::new(), closed: false, at_work: 0, last: 0 });
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
        self.moved.notify_last();
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
        self.take(|state| state.pick(picker())).await
    }

    /// Waits for the next jobs like [`next`](Self::next), and while others are at work on a batch,
    /// until as many are there as that one has: it is not divided among more of them.
    pub(super) async fn next_beside<P: FnMut(&T) -> bool>(
        &self,
        picker: impl Fn() -> P,
    ) -> (Vec<T>, Option<AtWork<'_, T>>) {
        let batch = self.take(|state| {
            if state.at_work > 0 && state.jobs.len() < state.last {
                return Vec::new();
            }
            let batch = state.pick(picker());
            if !batch.is_empty() {
                state.at_work += 1;
                state.last = batch.len();
            }
            batch
        });
        let batch = batch.await;
        let at_work = (!batch.is_empty()).then(|| AtWork(self));
        (batch, at_work)
    }

    async fn take(&self, mut take: impl FnMut(&mut State<T>) -> Vec<T>) -> Vec<T> {
        loop {
            // Made before the look at the queue, so that no push falls between the two.
            let moved = self.moved.notified();
            {
                let mut state = self.state();
                let batch = take(&mut state);
                if !batch.is_empty() {
                    self.pass_on(&state);
                    return batch;
                }
                if state.closed && state.jobs.is_empty() {
                    return Vec::new();
                }
            }
            moved.await;
        }
    }

    /// Waits for a first job, and then until so many are there or so much time has passed.
    pub(super) async fn gather(&self, jobs: usize, longest: Duration) {
        self.reach(1).await;
        // Too few in that time are all that come.
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
            self.moved.notify_last();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Wake, Waker},
    };

    use futures::FutureExt;

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

    #[tokio::test]
    async fn of_those_that_are_free_the_last_that_was_at_work_is_woken() {
        let queue = Queue::new();
        let all = || |_: &i32| true;
        let (mut first, mut last) = (pin!(queue.next(all)), pin!(queue.next(all)));
        // Both wait: the first has been free for longer.
        assert!((&mut first).now_or_never().is_none() && (&mut last).now_or_never().is_none());
        queue.push(1).unwrap();
        let woken = tokio::select! {
            biased;
            _ = &mut first => "first",
            _ = &mut last => "last",
        };
        assert_eq!(woken, "last");
    }

    #[tokio::test]
    async fn a_batch_beside_another_has_as_many_jobs_or_waits_until_that_is_done() {
        let queue = Queue::new();
        let all = || |_: &i32| true;
        let push = |jobs: &[i32]| jobs.iter().for_each(|job| queue.push(*job).unwrap());
        push(&[1, 2, 3]);
        let (first, at_work) = queue.next_beside(all).await;
        assert_eq!(first, [1, 2, 3]);
        push(&[4, 5]);
        assert!(queue.next_beside(all).now_or_never().is_none(), "fewer than three");
        push(&[6]);
        let (second, beside) = queue.next_beside(all).await;
        assert_eq!(second, [4, 5, 6]);
        push(&[7]);
        let waits = async { queue.next_beside(all).await.0 };
        let done = async { drop((at_work, beside)) };
        assert_eq!(tokio::join!(waits, done).0, [7]);
        queue.close();
        assert_eq!(queue.next_beside(all).await.0, [0; 0]);
    }

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn the_end_of_a_batch_wakes_a_colleague_only_for_what_was_left() {
        let all = || |_: &i32| true;
        for (left, times) in [(false, 0), (true, 1)] {
            let queue = Queue::new();
            [1, 2].into_iter().for_each(|job| queue.push(job).unwrap());
            let (_, at_work) = queue.next_beside(all).await;
            if left {
                queue.push(3).unwrap();
            }
            let woken = Arc::<Woken>::default();
            let waker = Waker::from(woken.clone());
            let mut colleague = pin!(queue.next_beside(all));
            // Twice: the first look takes the permit of a push that nobody waited for.
            for _ in 0..2 {
                assert!(colleague.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
            woken.0.store(0, Ordering::Relaxed);
            drop(at_work);
            assert_eq!(woken.0.load(Ordering::Relaxed), times);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_are_gathered_until_there_are_enough_or_it_has_taken_too_long() {
        let queue = Queue::new();
        let longest = Duration::from_millis(2);
        queue.push(1).unwrap();
        let began = tokio::time::Instant::now();
        queue.gather(2, longest).await;
        assert_eq!(began.elapsed(), longest, "one is not enough");
        queue.push(2).unwrap();
        queue.gather(2, longest).await;
        assert_eq!(began.elapsed(), longest, "two are");
    }
}
