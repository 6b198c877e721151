//! Grants: the tools a step may call. What is not granted is denied.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The names of the tools that may be called; empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(BTreeSet<String>);

impl Grants {
    /// Grants nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns whether a tool may be called.
    #[must_use]
    pub fn allow(&self, tool: &str) -> bool {
        self.0.contains(tool)
    }

    /// Returns what both grant: what a delegate may call whom `wanted` was promised.
    #[must_use]
    pub fn narrowed_by(&self, wanted: &Self) -> Self {
        Self(&self.0 & &wanted.0)
    }

    /// Returns whether everything granted here is also granted there.
    #[must_use]
    pub fn is_subset(&self, of: &Self) -> bool {
        self.0.is_subset(&of.0)
    }

    /// Returns the names in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<T: Into<String>> FromIterator<T> for Grants {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }
}

impl From<BTreeSet<String>> for Grants {
    fn from(names: BTreeSet<String>) -> Self {
        Self(names)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grants() -> impl Strategy<Value = Grants> {
        proptest::collection::btree_set("[a-d]", 0..4).prop_map(Grants::from)
    }

    proptest! {
        #[test]
        fn a_delegate_never_gets_what_the_delegator_lacks(own in grants(), wanted in grants()) {
            let delegated = own.narrowed_by(&wanted);
            prop_assert!(delegated.is_subset(&own) && delegated.is_subset(&wanted));
            for tool in ["a", "b", "c", "d"] {
                prop_assert_eq!(delegated.allow(tool), own.allow(tool) && wanted.allow(tool));
            }
        }
    }

    #[test]
    fn nothing_is_granted_by_default() {
        assert!(!Grants::default().allow("search"));
        assert!(!Grants::from_iter(["search"]).allow("Search"), "names are compared exactly");
    }
}
