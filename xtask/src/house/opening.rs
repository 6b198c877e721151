//! Each Rust file opens with `//!` and says what it holds.

use super::{Fault, rust};
use crate::checkout::Source;

/// Cases of macro UI tests are programs as a user types them.
const EXEMPT: &str = "/tests/ui/";

pub(super) fn find(sources: &[Source]) -> Vec<Fault> {
    rust(sources)
        .filter(|source| !source.path.contains(EXEMPT) && !opens(&source.text))
        .map(|source| Fault::at(&source.path, 0, "open with `//!` and what the file holds"))
        .collect()
}

fn opens(text: &str) -> bool {
    let first = text.lines().next().and_then(|line| line.strip_prefix("//!"));
    first.is_some_and(|words| !words.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::find;

    #[test]
    fn a_file_without_an_opening_is_found() {
        check(
            find,
            &[
                ("a.rs", "//! Retries, and how long they wait.\n"),
                ("b.rs", "use std::fmt;\n"),
                ("c.rs", "//!\n"),
                ("crates/macros/tests/ui/d.rs", "fn main() {}\n"),
            ],
            &[
                "b.rs:1: open with `//!` and what the file holds",
                "c.rs:1: open with `//!` and what the file holds",
            ],
        );
    }
}
