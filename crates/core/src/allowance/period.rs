//! Days and months of the UTC calendar.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    time::Timestamp,
    week::{date, days},
};

/// How long a cap counts before it begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight to midnight, UTC.
    Day,
    /// From the first of a month to the first of the next, UTC.
    Month,
}

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

impl Period {
    /// Every period, shortest first.
    pub const ALL: &'static [Self] = &[Self::Day, Self::Month];

    /// Returns the word used in files, JSON and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// Returns the period with that word.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|period| period.as_str() == text)
    }

    /// Returns when the period that holds a time began.
    #[must_use]
    pub const fn begins(self, at: Timestamp) -> Timestamp {
        let day = at.micros().div_euclid(DAY);
        let first = match self {
            Self::Day => day,
            Self::Month => {
                let (year, month, _) = date(day);
                days(year, month, 1)
            }
        };
        Timestamp::from_micros(first.saturating_mul(DAY))
    }

    /// Returns when the period that holds a time ends: the first moment of the next.
    #[must_use]
    pub const fn ends(self, at: Timestamp) -> Timestamp {
        let day = at.micros().div_euclid(DAY);
        let next = match self {
            Self::Day => day.saturating_add(1),
            Self::Month => {
                let (year, month, _) = date(day);
                if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) }
            }
        };
        Timestamp::from_micros(next.saturating_mul(DAY))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Microseconds of noon on a date.
    fn noon(year: i64, month: i64, day: i64) -> Timestamp {
        Timestamp::from_micros(days(year, month, day) * DAY + DAY / 2)
    }

    #[test]
    fn a_day_and_a_month_begin_and_end_at_midnight() {
        for (at, month, next_month) in [
            (noon(2026, 11, 29), (2026, 11), (2026, 12)),
            (noon(2026, 12, 31), (2026, 12), (2027, 1)),
            (noon(2028, 2, 29), (2028, 2), (2028, 3)),
            (noon(1969, 12, 31), (1969, 12), (1970, 1)),
        ] {
            let midnight = |(year, month)| Timestamp::from_micros(days(year, month, 1) * DAY);
            assert_eq!(Period::Month.begins(at), midnight(month));
            assert_eq!(Period::Month.ends(at), midnight(next_month));
            assert_eq!(Period::Day.begins(at).micros(), at.micros() - DAY / 2);
            assert_eq!(Period::Day.ends(at).micros(), at.micros() + DAY / 2);
        }
    }

    #[test]
    fn the_end_of_a_period_is_the_beginning_of_the_next() {
        for period in Period::ALL {
            let mut at = noon(2027, 1, 1);
            for _ in 0..40 {
                let end = period.ends(at);
                assert_eq!(period.begins(end), end);
                assert!(period.ends(end) > end);
                at = end;
            }
        }
    }
}
