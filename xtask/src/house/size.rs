//! A file ends at 600 lines; at 400 it is time to look for its second subject.

use super::{Fault, rust};
use crate::checkout::Source;

const LIMIT: usize = 600;

/// Files that may be longer, each with its reason. Only tables belong here: a list of rows is
/// read by searching, not from top to bottom.
const TABLES: &[(&str, &str)] = &[];

pub(super) fn find(sources: &[Source]) -> Vec<Fault> {
    rust(sources).filter_map(|source| fault(source, TABLES)).collect()
}

fn fault(source: &Source, tables: &[(&str, &str)]) -> Option<Fault> {
    let lines = source.text.lines().count();
    let table = tables.iter().any(|(path, _)| *path == source.path);
    match (lines > LIMIT, table) {
        (true, false) => {
            let what = format!("{lines} lines: find its second subject before line {LIMIT}");
            Some(Fault::in_file(&source.path, what))
        }
        (false, true) => {
            Some(Fault::in_file(&source.path, "is short again: take it off the list of tables"))
        }
        (true, true) | (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::{LIMIT, Source, fault, find};

    #[test]
    fn a_file_beyond_the_limit_is_found() {
        let (fits, long) = ("x\n".repeat(LIMIT), "x\n".repeat(LIMIT + 1));
        check(
            find,
            &[("fits.rs", &fits), ("long.rs", &long), ("long.md", &long)],
            &["long.rs: 601 lines: find its second subject before line 600"],
        );
    }

    #[test]
    fn an_exemption_that_is_no_longer_needed_is_found() {
        let short = Source { path: "rows.rs".to_owned(), text: "x\n".to_owned() };
        assert!(fault(&short, &[("rows.rs", "rows")]).is_some());
        let long = Source { text: "x\n".repeat(LIMIT + 1), ..short };
        assert!(fault(&long, &[("rows.rs", "rows")]).is_none());
    }
}
