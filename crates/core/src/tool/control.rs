//! Which arguments of a tool decide what is acted on.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The arguments that say on what or whom a call acts: recipient, amount, path, url, id.
///
/// Whoever chooses one of them chooses what happens, so of calls that change something they come
/// from a plan's slot, a trusted value or an approval, and from nowhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Every argument: what is not declared is taken for the worst.
    #[default]
    All,
    /// These, by their names at the top of the arguments; what is below one belongs to it.
    Only(BTreeSet<String>),
}

impl Control {
    /// Declares that no argument decides anything.
    #[must_use]
    pub const fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Returns whether an argument decides what is acted on.
    #[must_use]
    pub fn includes(&self, argument: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(argument),
        }
    }
}

impl<T: Into<String>> FromIterator<T> for Control {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        Self::Only(names.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_declared_decides() {
        assert!(Control::default().includes("note"));
        let declared = Control::from_iter(["recipient"]);
        assert!(declared.includes("recipient") && !declared.includes("note"));
        assert!(!Control::none().includes("recipient"));
    }
}
