//! Labels: where a value came from and who may see it.
//!
//! A value made from several values carries the [join](Label::join) of their labels. A join only
//! gets stricter: one untrusted part makes the whole untrusted, and only those may read the whole
//! who may read every part. Nothing here loosens a label.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Whether a value may decide what is done.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// From the flow's author, its operator or its caller.
    Trusted,
    /// From anybody else: a web page, a mail, a model that has read one. Assume that an attacker
    /// wrote it.
    #[default]
    Untrusted,
}

/// Somebody who may read, for example `customer:1042` or `role:support`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Names a principal.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who may see a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readers {
    /// Everybody.
    #[default]
    Public,
    /// These and nobody else; the empty set is nobody.
    Only(BTreeSet<Principal>),
}

impl Readers {
    /// Makes readers of a list of principals.
    #[must_use]
    pub fn only(principals: impl IntoIterator<Item = Principal>) -> Self {
        Self::Only(principals.into_iter().collect())
    }

    /// Returns whether somebody may read.
    #[must_use]
    pub fn include(&self, principal: &Principal) -> bool {
        match self {
            Self::Public => true,
            Self::Only(principals) => principals.contains(principal),
        }
    }

    /// Returns those who are in both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Public, readers) | (readers, Self::Public) => readers.clone(),
            (Self::Only(a), Self::Only(b)) => Self::Only(a & b),
        }
    }

    /// Returns whether nobody may read who may not read `other`.
    #[must_use]
    pub fn at_least_as_strict_as(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Public) => true,
            (Self::Public, Self::Only(_)) => false,
            (Self::Only(a), Self::Only(b)) => a.is_subset(b),
        }
    }
}

/// Where a value came from and who may see it.
///
/// The default, for values nobody vouched for, is untrusted and public: what is unknown may decide
/// nothing, and secrets are labelled by those who know them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Whether it may decide what is done.
    pub integrity: Integrity,
    /// Who may see it.
    pub readers: Readers,
}

impl Label {
    /// Returns whether this is what holds when nothing is said; journals leave it out.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The label of a constant in the flow's code: trusted and public. Joining it changes nothing.
    pub const TRUSTED: Self = Self { integrity: Integrity::Trusted, readers: Readers::Public };

    /// The label of text from outside: untrusted and public.
    pub const UNTRUSTED: Self = Self { integrity: Integrity::Untrusted, readers: Readers::Public };

    /// Returns the label with other readers.
    #[must_use]
    pub fn with_readers(mut self, readers: Readers) -> Self {
        self.readers = readers;
        self
    }

    /// Returns the label of a value made from both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self {
            integrity: self.integrity.max(other.integrity),
            readers: self.readers.join(&other.readers),
        }
    }

    /// Returns the label of a value made from all of these; from none, that of a constant.
    #[must_use]
    pub fn of_all<'a>(labels: impl IntoIterator<Item = &'a Self>) -> Self {
        labels.into_iter().fold(Self::TRUSTED, |joined, label| joined.join(label))
    }

    /// Returns whether this allows nothing that `other` does not allow.
    #[must_use]
    pub fn at_least_as_strict_as(&self, other: &Self) -> bool {
        self.integrity >= other.integrity && self.readers.at_least_as_strict_as(&other.readers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label() -> impl Strategy<Value = Label> {
        let integrity = prop_oneof![Just(Integrity::Trusted), Just(Integrity::Untrusted)];
        let some = proptest::collection::btree_set("[abcd]", 0..4)
            .prop_map(|names| Readers::only(names.into_iter().map(Principal::new)));
        let readers = prop_oneof![Just(Readers::Public), some];
        (integrity, readers).prop_map(|(integrity, readers)| Label { integrity, readers })
    }

    proptest! {
        #[test]
        fn a_join_is_never_looser_than_its_parts(a in label(), b in label()) {
            let joined = a.join(&b);
            prop_assert!(joined.at_least_as_strict_as(&a) && joined.at_least_as_strict_as(&b));
        }

        #[test]
        fn a_join_is_no_stricter_than_needed(a in label(), b in label(), c in label()) {
            if c.at_least_as_strict_as(&a) && c.at_least_as_strict_as(&b) {
                prop_assert!(c.at_least_as_strict_as(&a.join(&b)));
            }
        }

        #[test]
        fn the_order_and_number_of_joins_do_not_matter(a in label(), b in label(), c in label()) {
            prop_assert_eq!(a.join(&b), b.join(&a));
            prop_assert_eq!(a.join(&b).join(&c), a.join(&b.join(&c)));
            prop_assert_eq!(a.join(&a), a.clone());
            prop_assert_eq!(a.join(&Label::TRUSTED), a);
        }

        #[test]
        fn strictness_agrees_with_who_may_read(a in label(), b in label()) {
            let anybody = ["a", "b", "c", "d", "stranger"].map(Principal::new);
            if a.readers.at_least_as_strict_as(&b.readers) {
                for who in anybody {
                    prop_assert!(!a.readers.include(&who) || b.readers.include(&who));
                }
            }
        }

        #[test]
        fn a_label_reads_back_from_json(a in label()) {
            let json = serde_json::to_string(&a).unwrap();
            prop_assert_eq!(serde_json::from_str::<Label>(&json).unwrap(), a);
        }
    }

    #[test]
    fn nobody_is_not_everybody() {
        let alice = Readers::only([Principal::new("alice")]);
        let bob = Readers::only([Principal::new("bob")]);
        assert_eq!(alice.join(&bob), Readers::only([]));
        assert!(!alice.join(&bob).include(&Principal::new("alice")));
    }
}
