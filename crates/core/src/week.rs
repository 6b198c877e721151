//! Weeks: a run id begins with its time, so a range of ids is a week of runs.
//!
//! Journals, rows and payloads are kept by the week of their run. A week is made before its first
//! run comes, written out when nothing of it is needed any more, and dropped as a whole.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{id::RunId, time::Timestamp};

const MILLIS: i64 = 7 * 24 * 60 * 60 * 1_000;
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Seven days, counted from 1970-01-01, a Thursday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Week(i64);

impl Week {
    /// Makes a week from its number.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// Returns the week a run is kept under: that of the time in its id.
    #[must_use]
    pub fn of(run_id: RunId) -> Self {
        let millis = u64::try_from(run_id.uuid().as_u128() >> 80).unwrap_or(0);
        Self(i64::try_from(millis).unwrap_or(0).div_euclid(MILLIS))
    }

    /// Returns the week of a time.
    #[must_use]
    pub const fn at(time: Timestamp) -> Self {
        Self(time.micros().div_euclid(MILLIS * 1_000))
    }

    /// Returns its number, as columns hold it.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Returns the week after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns its first moment.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(MILLIS))
    }

    /// Returns the date of its first day as names have it, such as `20261119`.
    #[must_use]
    pub fn compact(self) -> String {
        let (year, month, day) = date(self.0.saturating_mul(MILLIS / DAY));
        format!("{year:04}{month:02}{day:02}")
    }

    /// Returns its lowest and its highest run id.
    #[must_use]
    pub fn ids(self) -> (Uuid, Uuid) {
        let low = |week: Self| u128::from(week.start().millis()) << 80;
        let high = low(self.next()).saturating_sub(1);
        (Uuid::from_u128(low(self)), Uuid::from_u128(high))
    }
}

impl fmt::Display for Week {
    /// The date of its first day, as in `2026-11-19`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.saturating_mul(MILLIS / DAY));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Returns the Gregorian date of a day since 1970-01-01 (Howard Hinnant, "chrono-compatible
/// low-level date algorithms", `civil_from_days`).
pub(crate) const fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + (month <= 2) as i64, month, day)
}

/// Returns the day since 1970-01-01 of a Gregorian date (the same source, `days_from_civil`).
pub(crate) const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_holds_exactly_the_ids_of_its_time() {
        let week = Week::at(Timestamp::from_millis(1_795_000_000_000));
        let (low, high) = week.ids();
        let id = |at: Timestamp| RunId::new(at, [0xff; 10]);
        assert_eq!(Week::of(RunId::from_uuid(low)), week);
        assert_eq!(Week::of(RunId::from_uuid(high)), week);
        assert_eq!(Week::of(id(week.start())), week);
        assert_eq!(Week::of(id(week.next().start())), week.next());
        assert!(id(week.next().start()).uuid() > high);
    }

    #[test]
    fn a_date_and_its_day_lead_to_each_other() {
        for day in (-800_000..800_000).step_by(37) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }

    #[test]
    fn a_week_prints_the_date_of_its_first_day() {
        let at = |millis| Week::at(Timestamp::from_millis(millis)).to_string();
        assert_eq!(at(0), "1970-01-01");
        assert_eq!(at(951_782_400_000), "2000-02-24");
        assert_eq!(at(1_795_219_200_000), "2026-11-19");
    }
}
