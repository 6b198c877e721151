//! Effect classes as a plan writes them: the word alone, ordered by how careful one must be.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::tool::EffectClass;

/// What a repeat of a planned call would do, the least harmful first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedEffect {
    /// Rows of the run's own; no tool is this.
    Local,
    /// Nothing.
    Read,
    /// The other side would recognise it.
    Idempotent,
    /// The other side could be asked.
    Reconcilable,
    /// Harm.
    AtMostOnce,
}

impl PlannedEffect {
    /// Every class, in order.
    pub const ALL: [Self; 5] =
        [Self::Local, Self::Read, Self::Idempotent, Self::Reconcilable, Self::AtMostOnce];

    /// Returns the word that plans and tables use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Read => "read",
            Self::Idempotent => "idempotent",
            Self::Reconcilable => "reconcilable",
            Self::AtMostOnce => "at_most_once",
        }
    }

    /// Returns whether a call changes something outside.
    #[must_use]
    pub const fn changes_state(self) -> bool {
        match self {
            Self::Local | Self::Read => false,
            Self::Idempotent | Self::Reconcilable | Self::AtMostOnce => true,
        }
    }
}

impl fmt::Display for PlannedEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl From<&EffectClass> for PlannedEffect {
    fn from(class: &EffectClass) -> Self {
        match class {
            EffectClass::Local => Self::Local,
            EffectClass::Read => Self::Read,
            EffectClass::Idempotent { .. } => Self::Idempotent,
            EffectClass::Reconcilable { .. } => Self::Reconcilable,
            EffectClass::AtMostOnce => Self::AtMostOnce,
        }
    }
}
