//! Finds steps that wait for each other.

use std::collections::{BTreeMap, BTreeSet};

/// For each step the steps that its slots name.
pub(super) type References<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Returns the steps that reach themselves by slots: those of every cycle.
pub(super) fn cyclic<'a>(references: &References<'a>) -> BTreeSet<&'a str> {
    let on_cycle = |id: &&'a str| reached(references, id).contains(*id);
    references.keys().copied().filter(on_cycle).collect()
}

fn reached<'a>(references: &References<'a>, start: &str) -> BTreeSet<&'a str> {
    let next = |id: &str| references.get(id).into_iter().flatten().copied();
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = next(start).collect();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(next(id));
        }
    }
    found
}
