//! How fast a cap is used up.

use crate::{allowance::Cap, budget::Dimension, store::allowance::AccountRow, time::Timestamp};

/// One limit of a cap in one period, and how far it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BurnDown {
    /// What is limited.
    pub dimension: Dimension,
    /// The limit.
    pub limit: u64,
    /// Known to be spent.
    pub spent: u64,
    /// Taken along by workers that died: it counts as spent.
    pub lost: u64,
    /// Held by workers that live: spent by now, or to be spent, or to come back.
    pub leased: u64,
    /// What may still be leased.
    pub left: u64,
    /// How much of the period has passed, in hundredths.
    pub percent_gone: u64,
    /// What will be spent by the period's end if it goes on like this. Nothing can be said at its
    /// very beginning.
    pub projected: Option<u64>,
}

impl BurnDown {
    /// Returns the burn-down of each limit of a cap in one of its accounts, in the order of the table
    /// of dimensions.
    #[must_use]
    pub fn of(cap: &Cap, row: &AccountRow, now: Timestamp) -> Vec<Self> {
        let begins = row.account.begins;
        let whole = row.account.ends().since(begins).as_micros();
        let gone = now.since(begins).as_micros().min(whole);
        let (lost, tally) = (row.lost(), row.tally);
        let line = |dimension: Dimension| {
            let limit = cap.limits().get(dimension)?;
            let of = |spend: &crate::budget::Spend| spend.get(dimension);
            let used = of(&tally.spent).saturating_add(of(&lost));
            Some(Self {
                dimension,
                limit,
                spent: of(&tally.spent),
                lost: of(&lost),
                leased: of(&row.held),
                left: limit.saturating_sub(of(&tally.granted)),
                percent_gone: narrowed((gone * 100).checked_div(whole).unwrap_or(100)),
                projected: (u128::from(used) * whole).checked_div(gone).map(narrowed),
            })
        };
        Dimension::summed().filter_map(line).collect()
    }

    /// Returns whether the cap will be reached before the period ends, at this pace.
    #[must_use]
    pub fn runs_out(&self) -> bool {
        self.projected.is_some_and(|projected| projected > self.limit)
    }
}

fn narrowed(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        allowance::{AccountKey, CapScope, Period, Tally},
        budget::{Limits, Spend},
    };

    const DAY: u64 = 24 * 60 * 60;

    fn check(after: u64, expected: (u64, Option<u64>, bool)) {
        let limits = Limits { usd: Some(1_000), ..Limits::none() };
        let cap = Cap::new(CapScope::default(), Period::Day, limits).unwrap();
        let usd = |usd| Spend { usd, ..Spend::ZERO };
        let begins = Timestamp::from_micros(0);
        let row = AccountRow {
            account: AccountKey { scope: "all".to_owned(), period: Period::Day, begins },
            tally: Tally { granted: usd(700), spent: usd(300) },
            held: usd(250),
        };
        let burn = BurnDown::of(&cap, &row, begins.after(Duration::from_secs(after)));
        let [burn] = burn.as_slice() else { panic!("one limit, one line: {burn:?}") };
        assert_eq!((burn.spent, burn.lost, burn.leased, burn.left), (300, 150, 250, 300));
        assert_eq!((burn.percent_gone, burn.projected, burn.runs_out()), expected);
    }

    #[test]
    fn what_was_spent_and_lost_is_carried_on_to_the_end_of_the_period() {
        check(DAY / 2, (50, Some(900), false));
        check(DAY / 4, (25, Some(1_800), true));
        check(DAY * 2, (100, Some(450), false));
    }

    #[test]
    fn nothing_is_said_of_a_pace_before_any_time_has_passed() {
        check(0, (0, None, false));
    }
}
