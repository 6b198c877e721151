//! What a call may use at most, and what it turned out to have used.

use serde::{Deserialize, Serialize};

use super::dimension::Spend;

/// The worst case of a call in flight, drawn from the standing advance.
///
/// It can be settled once, because settling consumes it. One that is dropped stays drawn until the
/// advance itself is charged: the safe side.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a reservation that is not settled stays drawn"]
pub struct Reservation {
    pub(super) worst: Spend,
}

impl Reservation {
    /// Returns what the call may use at most.
    #[must_use]
    pub const fn worst(&self) -> Spend {
        self.worst
    }
}

/// What an effect turned out to have used, as its outcome in the journal carries it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settlement {
    /// What is known to be used.
    #[serde(skip_serializing_if = "Spend::is_zero")]
    pub spent: Spend,
    /// What may have been used and counts as if it was.
    #[serde(skip_serializing_if = "Spend::is_zero")]
    pub unknown: Spend,
}

impl Settlement {
    /// Nothing was used.
    pub const NOTHING: Self = Self { spent: Spend::ZERO, unknown: Spend::ZERO };

    /// Makes the settlement of a call whose usage is known.
    #[must_use]
    pub const fn known(spent: Spend) -> Self {
        Self { spent, unknown: Spend::ZERO }
    }

    /// Makes the settlement of a call whose usage cannot be known: its worst case counts.
    #[must_use]
    pub const fn unknown(worst: Spend) -> Self {
        Self { spent: Spend::ZERO, unknown: worst }
    }

    /// Returns both parts together.
    #[must_use]
    pub fn total(&self) -> Spend {
        self.spent.plus(&self.unknown)
    }
}

impl Spend {
    fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}
