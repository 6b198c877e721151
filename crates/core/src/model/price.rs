//! What tokens cost, in micro-dollars. Every division rounds up: a ceiling must hold.

use std::{fmt, ops::Add};

use serde::{Deserialize, Serialize};

use super::{ModelId, Usage};

/// An amount of money in micro-dollars.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cost(u64);

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Makes an amount from micro-dollars.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns micro-dollars.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }
}

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// What a model's tokens cost, in micro-dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For tokens sent.
    pub input_per_million: u64,
    /// For those of them that the vendor had in its cache; as `input_per_million` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input_per_million: Option<u64>,
    /// For tokens received.
    pub output_per_million: u64,
}

impl Price {
    /// The price of a model that runs on one's own machine.
    pub const FREE: Self =
        Self { input_per_million: 0, cached_input_per_million: None, output_per_million: 0 };

    /// Returns what `usage` costs.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Cost {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        self.sum(usage.input_tokens - cached, cached, usage.output_tokens)
    }

    /// Returns the most a call can cost that sends at most `input_tokens` and receives at most
    /// `max_output_tokens`: what is reserved before it.
    #[must_use]
    pub fn worst_case(&self, input_tokens: u64, max_output_tokens: u32) -> Cost {
        let all_fresh = self.sum(input_tokens, 0, max_output_tokens.into());
        let all_cached = self.sum(0, input_tokens, max_output_tokens.into());
        all_fresh.max(all_cached)
    }

    fn sum(&self, fresh: u64, cached: u64, output: u64) -> Cost {
        let cached_price = self.cached_input_per_million.unwrap_or(self.input_per_million);
        let parts = [
            (fresh, self.input_per_million),
            (cached, cached_price),
            (output, self.output_per_million),
        ];
        let millionths = parts
            .into_iter()
            .map(|(tokens, price)| u128::from(tokens) * u128::from(price))
            .fold(0, u128::saturating_add);
        Cost(u64::try_from(millionths.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

/// Knows prices. A model it does not know cannot run under a limit on money.
pub trait PriceTable: Send + Sync {
    /// Returns the price of a model, or `None` if it is not known. Never a guess.
    fn price(&self, model: &ModelId) -> Option<Price>;

    /// Returns the version that a run records beside what it spent.
    fn version(&self) -> &str;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: Price = Price {
        input_per_million: 400_000,
        cached_input_per_million: Some(100_000),
        output_per_million: 1_600_000,
    };

    #[test]
    fn a_cost_is_rounded_up_once() {
        assert_eq!(PRICE.cost(&Usage::reported(1, 0)), Cost::from_micros(1));
        assert_eq!(PRICE.cost(&Usage::reported(1_000, 100)), Cost::from_micros(400 + 160));
        assert_eq!(Price::FREE.cost(&Usage::reported(9, 9)), Cost::ZERO);
    }

    #[test]
    fn cached_tokens_are_part_of_the_input_and_never_more() {
        let usage = Usage { cached_input_tokens: 600, ..Usage::reported(1_000, 0) };
        assert_eq!(PRICE.cost(&usage), Cost::from_micros(160 + 60));
        let nonsense = Usage { cached_input_tokens: 5_000, ..Usage::reported(1_000, 0) };
        assert_eq!(PRICE.cost(&nonsense), Cost::from_micros(100));
    }

    #[test]
    fn no_usage_within_the_limits_costs_more_than_the_worst_case() {
        let dear_cache = Price { cached_input_per_million: Some(900_000), ..PRICE };
        for price in [PRICE, dear_cache] {
            let worst = price.worst_case(1_000, 50);
            for cached in [0, 1, 500, 999, 1_000] {
                let usage = Usage { cached_input_tokens: cached, ..Usage::reported(1_000, 50) };
                assert!(price.cost(&usage) <= worst, "{cached} cached");
            }
        }
    }

    #[test]
    fn a_cost_beyond_all_numbers_stays_the_largest() {
        let price = Price { input_per_million: 40_000_000, ..PRICE };
        assert_eq!(price.worst_case(u64::MAX, u32::MAX), Cost::from_micros(u64::MAX));
    }

    #[test]
    fn money_prints_with_all_its_digits() {
        assert_eq!(Cost::from_micros(1_250_003).to_string(), "$1.250003");
    }
}
