//! Money as the shop keeps it: whole cents of a euro.

use std::{fmt, iter::Sum};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount in cents; prints as `49.90`.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Cents(i64);

impl Cents {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Makes an amount from cents.
    #[must_use]
    pub const fn new(cents: i64) -> Self {
        Self(cents)
    }

    /// Returns the amount in cents.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the amount for `quantity` pieces at this price.
    #[must_use]
    pub const fn times(self, quantity: i64) -> Self {
        Self(self.0.saturating_mul(quantity))
    }

    /// Returns the sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns what is left after taking `other` away, never less than nothing.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        let left = self.0.saturating_sub(other.0);
        Self(if left < 0 { 0 } else { left })
    }

    /// Returns the amount after a discount, rounded half up to the cent: the shop rounds in favour
    /// of nobody, but always the same way.
    #[must_use]
    pub const fn discounted(self, percent: i64) -> Self {
        Self((self.0.saturating_mul(100 - percent).saturating_add(50)).div_euclid(100))
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_prints_with_two_places() {
        let printed = [4990, 5, 0, -1205].map(|cents| Cents::new(cents).to_string());
        assert_eq!(printed, ["49.90", "0.05", "0.00", "-12.05"]);
    }

    #[test]
    fn a_discount_rounds_half_up() {
        assert_eq!(Cents::new(1990).discounted(10), Cents::new(1791));
        assert_eq!(Cents::new(4995).discounted(10), Cents::new(4496));
        assert_eq!(Cents::new(4990).discounted(0), Cents::new(4990));
    }

    #[test]
    fn taking_away_more_than_there_is_leaves_nothing() {
        assert_eq!(Cents::new(300).less(Cents::new(490)), Cents::ZERO);
    }
}
