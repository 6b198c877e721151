//! What a company has exactly one of, and the documents that disagree on it.
//!
//! Found by code, so that no model can overlook it. It is only what documents state under a label;
//! what they say in sentences is for the crew to compare.

use std::collections::BTreeSet;

use super::Folder;

/// What a company has one of, as documents label it.
const ONE_OF: [&str; 4] =
    ["Managing director", "Register number", "Registered office", "Share capital"];

/// A fact that documents disagree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Its label.
    pub label: &'static str,
    /// Every line that states it.
    pub places: Vec<Place>,
}

/// A line that states a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The document.
    pub document: String,
    /// The line, counted from 1.
    pub line: u32,
    /// What it says.
    pub value: String,
}

impl Folder {
    /// Returns the facts that documents disagree on.
    #[must_use]
    pub fn disputes(&self) -> Vec<Dispute> {
        let stated = ONE_OF.map(|label| Dispute { label, places: self.places(label) });
        stated.into_iter().filter(|dispute| dispute.values(|_| true) > 1).collect()
    }

    fn places(&self, label: &str) -> Vec<Place> {
        let mut places = Vec::new();
        for document in self.documents() {
            places.extend(document.lines.iter().filter_map(|line| {
                let (stated, value) = line.text.split_once(':')?;
                stated.trim().eq_ignore_ascii_case(label).then(|| Place {
                    document: document.document.clone(),
                    line: line.line,
                    value: value.trim().to_owned(),
                })
            }));
        }
        places
    }
}

impl Dispute {
    /// Returns how many different values stand in the places that are `meant`.
    pub fn values(&self, meant: impl Fn(&Place) -> bool) -> usize {
        let places = self.places.iter().filter(|place| meant(place));
        places.map(|place| &place.value).collect::<BTreeSet<_>>().len()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Document, *};

    fn check(a: &str, b: &str, disputed: &[&str]) {
        let folder: Folder =
            [Document::of("a.md", a), Document::of("b.md", b)].into_iter().collect();
        let labels: Vec<_> = folder.disputes().iter().map(|dispute| dispute.label).collect();
        assert_eq!(labels, disputed, "{a} / {b}");
    }

    #[test]
    fn a_fact_is_disputed_where_documents_state_different_values() {
        check("Share capital: EUR 5", "x\nshare capital:  EUR 6", &["Share capital"]);
        check("Share capital: EUR 5", "Share capital: EUR 5 ", &[]);
        check("Rent: EUR 5", "Rent: EUR 6", &[]);
        check(
            "Managing director: A\nRegister number: 1",
            "Register number: 2",
            &["Register number"],
        );
    }
}
