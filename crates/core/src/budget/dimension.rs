//! The one table of what can be limited; limits, spend and parser iterate it.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How a dimension is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Used up by effects; kept in [`Spend`].
    Counted,
    /// The sum of other dimensions; never stored, so it cannot disagree with them.
    Total,
    /// A level that must not be passed; leaving it gives it back.
    Level,
    /// A point in time, compared with the clock.
    Time,
}

macro_rules! dimensions {
    (
        counted { $($counted:ident: $Counted:ident, $counted_doc:literal;)* }
        total { $($total:ident: $Total:ident = [$($part:ident: $Part:ident),*], $total_doc:literal;)* }
        level { $($level:ident: $Level:ident, $level_doc:literal;)* }
        time { $($time:ident: $Time:ident, $time_doc:literal;)* }
    ) => {
        /// What can be limited.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Dimension {
            $(#[doc = $counted_doc] $Counted,)*
            $(#[doc = $total_doc] $Total,)*
            $(#[doc = $level_doc] $Level,)*
            $(#[doc = $time_doc] $Time,)*
        }

        impl Dimension {
            /// Every dimension, in the order of the table.
            pub const ALL: &'static [Self] =
                &[$(Self::$Counted,)* $(Self::$Total,)* $(Self::$Level,)* $(Self::$Time,)*];

            /// Returns the name used in JSON and on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Counted => stringify!($counted),)*
                    $(Self::$Total => stringify!($total),)*
                    $(Self::$Level => stringify!($level),)*
                    $(Self::$Time => stringify!($time),)*
                }
            }

            /// Returns how the dimension is compared with its limit.
            #[must_use]
            pub const fn measure(self) -> Measure {
                match self {
                    $(Self::$Counted => Measure::Counted,)*
                    $(Self::$Total => Measure::Total,)*
                    $(Self::$Level => Measure::Level,)*
                    $(Self::$Time => Measure::Time,)*
                }
            }

            /// Returns the dimensions that a total is the sum of.
            #[must_use]
            pub const fn parts(self) -> &'static [Self] {
                match self {
                    $(Self::$Total => &[$(Self::$Part),*],)*
                    $(Self::$Counted)|* | $(Self::$Level)|* | $(Self::$Time)|* => &[],
                }
            }
        }

        /// What may be used at most; a dimension without a limit is unlimited.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Limits {
            $(#[doc = $counted_doc] #[serde(skip_serializing_if = "Option::is_none")]
              pub $counted: Option<u64>,)*
            $(#[doc = $total_doc] #[serde(skip_serializing_if = "Option::is_none")]
              pub $total: Option<u64>,)*
            $(#[doc = $level_doc] #[serde(skip_serializing_if = "Option::is_none")]
              pub $level: Option<u64>,)*
            $(#[doc = $time_doc] #[serde(skip_serializing_if = "Option::is_none")]
              pub $time: Option<Timestamp>,)*
        }

        impl Limits {
            /// Returns the limit of a dimension; times as microseconds since the epoch.
            #[must_use]
            pub fn get(&self, dimension: Dimension) -> Option<u64> {
                match dimension {
                    $(Dimension::$Counted => self.$counted,)*
                    $(Dimension::$Total => self.$total,)*
                    $(Dimension::$Level => self.$level,)*
                    $(Dimension::$Time => self.$time.map(since_epoch),)*
                }
            }

            /// Sets the limit of a dimension; times as microseconds since the epoch.
            pub fn set(&mut self, dimension: Dimension, limit: Option<u64>) {
                match dimension {
                    $(Dimension::$Counted => self.$counted = limit,)*
                    $(Dimension::$Total => self.$total = limit,)*
                    $(Dimension::$Level => self.$level = limit,)*
                    $(Dimension::$Time => self.$time = limit.map(at),)*
                }
            }
        }

        /// What was, or could be, used up.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Spend {
            $(#[doc = $counted_doc] #[serde(skip_serializing_if = "is_zero")] pub $counted: u64,)*
        }

        impl Spend {
            /// Nothing.
            pub const ZERO: Self = Self { $($counted: 0,)* };

            /// Makes a spend of what a rule says of each counted dimension.
            #[must_use]
            pub fn by(amount: impl Fn(Dimension) -> u64) -> Self {
                Self { $($counted: amount(Dimension::$Counted),)* }
            }

            /// Returns what was used of a dimension; levels and times are not used up.
            #[must_use]
            pub fn get(&self, dimension: Dimension) -> u64 {
                match dimension {
                    $(Dimension::$Counted => self.$counted,)*
                    $(Dimension::$Total => [$(self.$part),*].into_iter().fold(0, u64::saturating_add),)*
                    $(Dimension::$Level => 0,)*
                    $(Dimension::$Time => 0,)*
                }
            }

            /// Returns the part of it in the dimensions that `keep` wants.
            #[must_use]
            pub fn only(&self, keep: impl Fn(Dimension) -> bool) -> Self {
                Self { $($counted: if keep(Dimension::$Counted) { self.$counted } else { 0 },)* }
            }

            /// Combines two spends, counted dimension by counted dimension.
            #[must_use]
            pub fn zip(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
                Self { $($counted: combine(self.$counted, other.$counted),)* }
            }
        }
    };
}

dimensions! {
    counted {
        usd: Usd, "Money, in micro-dollars.";
        input_tokens: InputTokens, "Tokens sent to models.";
        output_tokens: OutputTokens, "Tokens received from models.";
        wall: Wall, "Running time, in milliseconds; parked time does not count.";
        model_calls: ModelCalls, "Calls of models.";
        tool_calls: ToolCalls, "Calls of tools.";
    }
    total {
        tokens: Tokens = [input_tokens: InputTokens, output_tokens: OutputTokens], "Tokens in both directions together.";
    }
    level {
        depth: Depth, "How deep child runs, delegations and waves may nest.";
    }
    time {
        deadline: Deadline, "The calendar time after which nothing more is started.";
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(amount: &u64) -> bool {
    *amount == 0
}

fn since_epoch(time: Timestamp) -> u64 {
    u64::try_from(time.micros()).unwrap_or(0)
}

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

impl Dimension {
    fn added(self, limit: u64, more: Option<u64>) -> u64 {
        let Some(more) = more else { return limit };
        match self.measure() {
            Measure::Counted | Measure::Total | Measure::Level => limit.saturating_add(more),
            Measure::Time => limit.max(more),
        }
    }

    /// Returns the dimensions that are used up: counted ones and their totals.
    pub fn summed() -> impl Iterator<Item = Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(|d| matches!(d.measure(), Measure::Counted | Measure::Total))
    }
}

impl Limits {
    /// No limit at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns the stricter of both limits in each dimension.
    #[must_use]
    pub fn narrowed_by(&self, other: &Self) -> Self {
        let mut narrowed = *self;
        for &dimension in Dimension::ALL {
            let both = (self.get(dimension), other.get(dimension));
            narrowed.set(
                dimension,
                match both {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                },
            );
        }
        narrowed
    }

    /// Returns whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::none()
    }

    /// Returns these limits raised, as a person decided: counted ones and levels grow by what `more`
    /// says, a deadline moves to the one given if that is later, and what has no limit stays without
    /// one.
    #[must_use]
    pub fn raised_by(&self, more: &Self) -> Self {
        let mut raised = *self;
        for &dimension in Dimension::ALL {
            if let Some(limit) = self.get(dimension) {
                raised.set(dimension, Some(dimension.added(limit, more.get(dimension))));
            }
        }
        raised
    }

    /// Returns what two raises come to together.
    #[must_use]
    pub fn and(&self, more: &Self) -> Self {
        let mut both = *self;
        for &dimension in Dimension::ALL {
            let had = self.get(dimension);
            let sum = had.map(|had| dimension.added(had, more.get(dimension)));
            both.set(dimension, sum.or_else(|| more.get(dimension)));
        }
        both
    }

    /// Returns the part of `spend` that some limit speaks of: the rest needs no advance.
    #[must_use]
    pub fn limited(&self, spend: &Spend) -> Spend {
        spend.only(|dimension| self.speak_of(dimension))
    }

    /// Returns one of `parts` equal shares; levels and times are not shared but held by each.
    #[must_use]
    pub fn share(&self, parts: u64) -> Self {
        let mut share = *self;
        for dimension in Dimension::summed() {
            share.set(dimension, self.get(dimension).map(|limit| limit / parts.max(1)));
        }
        share
    }
}

impl Spend {
    /// Returns the sum, held at the largest number instead of wrapping.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    /// Returns the difference, held at zero.
    #[must_use]
    pub fn less(&self, other: &Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }

    /// Returns whether `other` is at most this in every dimension.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.less(self) == Self::ZERO
    }
}
