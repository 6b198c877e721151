//! When a busy worker claims: not for each place that becomes free, but for a few at once.
//!
//! A claim costs the database as much as several steps, whether it gives one run or ten. So while
//! more waits in the queue than a worker can take, it gathers places for a moment. A worker that
//! found less than it asked for does not: a run that comes then is taken at once.

use std::time::Duration;

/// A part of a worker's places that is worth a claim at once.
const SHARE: usize = 4;

/// So long it gathers places, from the first that became free.
const LONGEST: Duration = Duration::from_millis(5);

/// Whether places are being gathered, and since when.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// Whether the last claim got all it asked for.
    backlog: bool,
    /// When the first place became free, on the boot clock.
    since: Option<Duration>,
}

impl Gathering {
    /// Notes what a claim gave.
    pub(super) const fn claimed(&mut self, got: usize, asked: usize) {
        self.backlog = got == asked;
        self.since = None;
    }

    /// Returns how much longer to gather, with `room` of `places` free; `None` to claim now.
    pub(super) fn left(&mut self, now: Duration, room: usize, places: usize) -> Option<Duration> {
        if !self.backlog || room == 0 || room >= places / SHARE {
            return None;
        }
        let until = *self.since.get_or_insert(now) + LONGEST;
        Some(until.saturating_sub(now)).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_busy_worker_gathers_a_quarter_of_its_places_or_claims_after_a_while() {
        let mut gathering = Gathering::default();
        gathering.claimed(16, 16);
        assert_eq!(gathering.left(ms(10), 1, 16), Some(ms(5)));
        assert_eq!(gathering.left(ms(12), 3, 16), Some(ms(3)));
        assert_eq!(gathering.left(ms(12), 4, 16), None, "a quarter");
        assert_eq!(gathering.left(ms(15), 1, 16), None, "long enough");
        gathering.claimed(1, 1);
        assert_eq!(gathering.left(ms(20), 1, 16), Some(ms(5)), "from its own first place");
    }

    #[test]
    fn a_worker_that_found_less_than_it_asked_for_or_has_few_places_never_waits() {
        let mut gathering = Gathering::default();
        assert_eq!(gathering.left(ms(1), 1, 16), None);
        gathering.claimed(3, 16);
        assert_eq!(gathering.left(ms(1), 1, 16), None);
        gathering.claimed(1, 1);
        assert_eq!(gathering.left(ms(1), 1, 4), None);
    }
}
