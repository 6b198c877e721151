//! Every error code has a page, every page a code, and both say the same.

use std::collections::BTreeMap;

use super::Fault;
use crate::checkout::Source;

/// The one table of codes.
const TABLE: &str = "crates/core/src/code.rs";
/// The folder of pages, each `MS-NNNN.md`.
const PAGES: &str = "docs/errors/MS-";
/// A page that only repeats its title helps nobody.
const LEAST_LINES: usize = 6;

/// A row `Name = 2104, Kind, "title";`.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    line: usize,
    number: u16,
    title: String,
}

pub(super) fn find(sources: &[Source]) -> Vec<Fault> {
    let Some(table) = sources.iter().find(|source| source.path == TABLE) else {
        return vec![Fault::in_file(TABLE, "the table of error codes is missing")];
    };
    let rows = rows(&table.text);
    if rows.is_empty() {
        return vec![Fault::in_file(TABLE, "no row `Name = 2104, Kind, \"title\";` was found")];
    }
    let mut faults = out_of_order(&rows);
    let mut pages = pages(sources);
    for row in &rows {
        faults.extend(match pages.remove(&format!("{:04}", row.number)) {
            Some(page) => page_fault(row, page),
            None => Some(Fault::at(TABLE, row.line, format!("MS-{:04} has no page", row.number))),
        });
    }
    faults.extend(pages.values().map(|page| Fault::in_file(&page.path, "no code has this number")));
    faults
}

fn rows(table: &str) -> Vec<Row> {
    let lines = table.lines().enumerate().skip_while(|(_, line)| !line.starts_with("codes! {"));
    lines
        .skip(1)
        .take_while(|(_, line)| *line != "}")
        .filter_map(|(i, line)| row(i, line))
        .collect()
}

fn row(line: usize, text: &str) -> Option<Row> {
    let (_, rest) = text.split_once(" = ")?;
    let (number, rest) = rest.split_once(',')?;
    let (_, title) = rest.split_once('"')?;
    let (title, _) = title.rsplit_once('"')?;
    Some(Row { line, number: number.trim().parse().ok()?, title: title.to_owned() })
}

/// Rows ascend, so that a number is never given twice.
fn out_of_order(rows: &[Row]) -> Vec<Fault> {
    let pairs = rows.iter().zip(rows.iter().skip(1));
    pairs
        .filter(|(a, b)| a.number >= b.number)
        .map(|(a, b)| {
            let what = format!("MS-{:04} stands after MS-{:04}", b.number, a.number);
            Fault::at(TABLE, b.line, what)
        })
        .collect()
}

fn pages(sources: &[Source]) -> BTreeMap<String, &Source> {
    let pages = sources.iter().filter_map(|source| {
        let number = source.path.strip_prefix(PAGES)?.strip_suffix(".md")?;
        Some((number.to_owned(), source))
    });
    pages.collect()
}

fn page_fault(row: &Row, page: &Source) -> Option<Fault> {
    let heading = format!("# MS-{:04}: {}", row.number, row.title);
    if page.text.lines().next() != Some(heading.as_str()) {
        return Some(Fault::at(&page.path, 0, format!("the table says `{heading}`")));
    }
    (page.text.lines().filter(|line| !line.is_empty()).count() < LEAST_LINES).then(|| {
        Fault::in_file(&page.path, "say what happened, why, what was kept, and what to do next")
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::{TABLE, find};

    const CODES: &str = "codes! {\n    A = 1001, User, \"no such thing\";\n    \
                         B = 1002, User, \"too late\";\n}\n";
    const LONG: &str = "\nx\nx\nx\nx\nx\n";

    fn page(heading: &str) -> String {
        format!("{heading}{LONG}")
    }

    #[test]
    fn a_code_without_a_page_and_a_page_without_a_code_are_found() {
        check(
            find,
            &[
                (TABLE, CODES),
                ("docs/errors/MS-1001.md", &page("# MS-1001: no such thing")),
                ("docs/errors/MS-7777.md", &page("# MS-7777: nothing")),
            ],
            &[
                "crates/core/src/code.rs:3: MS-1002 has no page",
                "docs/errors/MS-7777.md: no code has this number",
            ],
        );
    }

    #[test]
    fn a_page_that_says_something_else_or_next_to_nothing_is_found() {
        check(
            find,
            &[
                (TABLE, CODES),
                ("docs/errors/MS-1001.md", &page("# MS-1001: another thing")),
                ("docs/errors/MS-1002.md", "# MS-1002: too late\nSorry.\n"),
            ],
            &[
                "docs/errors/MS-1001.md:1: the table says `# MS-1001: no such thing`",
                "docs/errors/MS-1002.md: say what happened, why, what was kept, and what to do next",
            ],
        );
    }

    #[test]
    fn a_number_given_twice_and_an_empty_table_are_found() {
        let twice = "codes! {\n    A = 1001, User, \"a\";\n    B = 1001, User, \"a\";\n}\n";
        let page = page("# MS-1001: a");
        check(
            find,
            &[(TABLE, twice), ("docs/errors/MS-1001.md", &page)],
            &[
                "crates/core/src/code.rs:3: MS-1001 stands after MS-1001",
                "crates/core/src/code.rs:3: MS-1001 has no page",
            ],
        );
        check(
            find,
            &[(TABLE, "codes! {\n}\n")],
            &["crates/core/src/code.rs: no row `Name = 2104, Kind, \"title\";` was found"],
        );
    }
}
