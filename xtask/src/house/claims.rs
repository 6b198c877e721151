//! Every claim has a figure and a bar, and can be read at all.

use super::Fault;
use crate::checkout::Source;
use crate::claims::{FILE, faults};

pub(super) fn find(sources: &[Source]) -> Vec<Fault> {
    match sources.iter().find(|source| source.path == FILE) {
        Some(source) => {
            faults(&source.text).map(|what| Fault::in_file(FILE, what)).into_iter().collect()
        }
        None => vec![Fault::in_file(FILE, "the list of promises is missing")],
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::{FILE, find};

    #[test]
    fn a_promise_without_a_bar_and_a_missing_list_are_found() {
        let entry = "[[claim]]\nid = \"a-1\"\nsentence = \"s\"\ncommand = \"c\"\nfigure = \"f\"\n\
                     kind = \"exact\"\n";
        check(find, &[(FILE, &format!("{entry}bar = \"== 0\"\n"))], &[]);
        check(
            find,
            &[(FILE, entry)],
            &["docs/claims.toml: claim `a-1`: has no bar: say what its figure must be"],
        );
        check(find, &[], &["docs/claims.toml: the list of promises is missing"]);
    }
}
