//! What a busy worker claims ahead of its free places.
//!
//! A claim costs the database as much as several steps, whether it gives one run or ten, and while
//! it is under way a free place stays empty. So a worker whose places change hands quickly, and
//! that leaves others waiting in the queue, claims as many runs more as will have a place in a
//! moment. One whose runs take long claims for free places only: a run that waited for a place here
//! could have begun elsewhere.

use std::{collections::VecDeque, time::Duration};

/// Claims reach so far ahead.
const REACH: Duration = Duration::from_millis(15);

/// So long a run waits for a place at most; then it begins without.
const PATIENCE: Duration = Duration::from_millis(30);

/// Runs that wait for a place, and what is known of how soon there will be one. Times are of the
/// boot clock.
#[derive(Debug)]
pub(super) struct Ahead<T> {
    waiting: VecDeque<(T, Duration)>,
    /// Whether the last claim got all it asked for.
    backlog: bool,
    /// When it was.
    claimed: Duration,
    /// Places that became free since then.
    freed: usize,
}

impl<T> Default for Ahead<T> {
    fn default() -> Self {
        let (waiting, claimed) = (VecDeque::new(), Duration::ZERO);
        Self { waiting, backlog: false, claimed, freed: 0 }
    }
}

impl<T> Ahead<T> {
    /// Notes that a place became free.
    pub(super) const fn freed(&mut self) {
        self.freed += 1;
    }

    /// Returns how many runs to claim, with `room` of `places` free: none while some wait.
    pub(super) fn wanted(&self, now: Duration, room: usize, places: usize) -> usize {
        if !self.waiting.is_empty() {
            return 0;
        }
        if !self.backlog {
            return room;
        }
        let since = now.saturating_sub(self.claimed).max(Duration::from_millis(1));
        let soon = self.freed as u128 * REACH.as_micros() / since.as_micros();
        // One that is alone in that time is no sign of more.
        let soon = usize::try_from(soon).unwrap_or(usize::MAX);
        room + if soon > 1 { soon.min(places / 2) } else { 0 }
    }

    /// Keeps what a claim gave.
    pub(super) fn keep(&mut self, runs: impl IntoIterator<Item = T>, asked: usize, now: Duration) {
        let before = self.waiting.len();
        self.waiting.extend(runs.into_iter().map(|run| (run, now)));
        self.backlog = self.waiting.len() - before == asked;
        self.claimed = now;
        self.freed = 0;
    }

    /// Returns whether the last claim left others in the queue, as far as it could see.
    pub(super) const fn has_backlog(&self) -> bool {
        self.backlog
    }

    /// Takes the next that may begin: because there is room, or because it has waited enough.
    pub(super) fn next(&mut self, now: Duration, room: usize) -> Option<T> {
        let may_begin = room > 0 || self.left(now).is_some_and(|left| left.is_zero());
        if may_begin { self.waiting.pop_front().map(|(run, _)| run) } else { None }
    }

    /// Takes the next, whatever there is room for.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.waiting.pop_front().map(|(run, _)| run)
    }

    /// Returns how much longer the next one waits for a place.
    pub(super) fn left(&self, now: Duration) -> Option<Duration> {
        self.waiting.front().map(|(_, since)| (*since + PATIENCE).saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn busy(now: Duration) -> Ahead<u32> {
        let mut ahead = Ahead::default();
        ahead.keep(0..16, 16, now);
        while ahead.next(now, 1).is_some() {}
        ahead
    }

    #[test]
    fn places_that_change_hands_quickly_are_claimed_for_ahead() {
        let mut ahead = busy(ms(100));
        for _ in 0..4 {
            ahead.freed();
        }
        assert_eq!(ahead.wanted(ms(110), 1, 16), 1 + 6, "four in ten are six in fifteen");
        assert_eq!(ahead.wanted(ms(101), 0, 16), 8, "never more than half the places");
        ahead.keep(0..7, 7, ms(110));
        assert_eq!(ahead.wanted(ms(110), 2, 16), 0, "some wait");
    }

    #[test]
    fn a_worker_of_long_runs_or_without_a_backlog_claims_for_free_places_only() {
        let mut slow = busy(ms(100));
        slow.freed();
        assert_eq!(slow.wanted(ms(30_100), 1, 16), 1);
        slow.freed();
        assert_eq!(slow.wanted(ms(130), 2, 16), 2, "two in thirty are one in fifteen");
        let mut idle = busy(ms(100));
        idle.keep(0..3, 16, ms(105));
        while idle.pop().is_some() {}
        (0..5).for_each(|_| idle.freed());
        assert_eq!(idle.wanted(ms(106), 13, 16), 13);
    }

    #[test]
    fn what_waits_begins_with_a_place_or_when_it_has_waited_enough() {
        let mut ahead = Ahead::default();
        ahead.keep([1, 2], 2, ms(10));
        assert_eq!(ahead.next(ms(12), 0), None);
        assert_eq!(ahead.left(ms(12)), Some(ms(28)));
        assert_eq!(ahead.next(ms(12), 1), Some(1));
        assert_eq!(ahead.next(ms(40), 0), Some(2));
        assert_eq!(ahead.left(ms(40)), None);
    }
}
