//! Where the live rows of a queue begin.
//!
//! # Why it is remembered
//!
//! What is deleted from a queue stays in its index until a vacuum removes it, and no vacuum can
//! while some session holds an older snapshot open: a backup, a forgotten transaction. A look from
//! the beginning passes over all of it. So a process begins where it last found a live row.
//!
//! # What that may miss
//!
//! A row that was numbered before others and committed after them, and a key that was not there
//! before. Looks at everything come in between and find them: whenever there is time for one, so
//! that all of them together take a small share of it. Under a simulated clock every look is one.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use tokio::time::Instant;

use super::shared::lock;

/// Looks at everything are at least so far apart, and take at most one part in so many of the time.
const APART: Duration = Duration::from_millis(100);
const SHARE: u32 = 20;

/// The places of a queue from which rows are live, each under its key, as this process knows them.
#[derive(Debug)]
pub(super) struct Front<K>(Mutex<State<K>>);

#[derive(Debug)]
struct State<K> {
    places: BTreeMap<K, i64>,
    /// When everything was looked at last, and how long that took.
    whole: Option<(Instant, Duration)>,
}

impl<K> Default for Front<K> {
    fn default() -> Self {
        Self(Mutex::new(State { places: BTreeMap::new(), whole: None }))
    }
}

impl<K: Ord + Copy> Front<K> {
    /// Returns the places that are known.
    pub(super) fn places(&self) -> Vec<(K, i64)> {
        lock(&self.0).places.iter().map(|(key, place)| (*key, *place)).collect()
    }

    /// Returns whether it is time for a look at everything.
    pub(super) fn is_due(&self) -> bool {
        self.is_apart(APART)
    }

    /// Returns whether there is time for one: little was found otherwise.
    pub(super) fn may_look(&self) -> bool {
        self.is_apart(Duration::ZERO)
    }

    fn is_apart(&self, least: Duration) -> bool {
        lock(&self.0).whole.is_none_or(|(at, took)| at.elapsed() >= least.max(took * SHARE))
    }

    /// Notes that everything was looked at since `began`.
    pub(super) fn looked_at_all(&self, began: Instant) {
        lock(&self.0).whole = Some((Instant::now(), began.elapsed()));
    }

    /// Notes live rows, by key and place.
    pub(super) fn found(&self, rows: impl IntoIterator<Item = (K, i64)>) {
        let mut first = BTreeMap::new();
        for (key, place) in rows {
            let least = first.entry(key).or_insert(place);
            *least = place.min(*least);
        }
        lock(&self.0).places.extend(first);
    }
}

impl Front<()> {
    /// Begins a look at a queue that has one order for all: at the whole of it or from where the
    /// live rows begin.
    pub(super) fn look(&self, whole: bool) -> Look<'_> {
        let place = if whole { None } else { self.places().first().map(|(_, at)| *at) };
        Look { front: self, place, began: Instant::now() }
    }
}

/// A look at a queue.
#[derive(Debug)]
pub(super) struct Look<'a> {
    front: &'a Front<()>,
    place: Option<i64>,
    began: Instant,
}

impl Look<'_> {
    /// Returns the place from which to look.
    pub(super) fn from(&self) -> i64 {
        self.place.unwrap_or(i64::MIN)
    }

    /// Notes the place of the first live row.
    pub(super) fn found(self, first: Option<i64>) {
        if self.place.is_none() {
            self.front.looked_at_all(self.began);
        }
        self.front.found(first.map(|place| ((), place)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn looks_at_everything_are_apart_and_take_a_small_share_of_the_time() {
        let front = Front::<i32>::default();
        assert!(front.is_due(), "never looked");
        let began = Instant::now();
        front.looked_at_all(began);
        assert!(!front.is_due() && front.may_look(), "it took no time");
        tokio::time::advance(APART).await;
        assert!(front.is_due());
        let began = Instant::now();
        tokio::time::advance(Duration::from_millis(50)).await;
        front.looked_at_all(began);
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(!front.is_due() && !front.may_look(), "a twentieth of the time");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(front.is_due() && front.may_look());
    }

    #[test]
    fn the_first_live_place_of_each_key_is_kept_until_another_is_found() {
        let front = Front::default();
        front.found([(1, 7), (2, 3), (1, 5)]);
        assert_eq!(front.places(), [(1, 5), (2, 3)]);
        front.found([(1, 9)]);
        assert_eq!(front.places(), [(1, 9), (2, 3)]);
        front.found([(1, 2)]);
        assert_eq!(front.places(), [(1, 2), (2, 3)], "an earlier one came late");
    }
}
