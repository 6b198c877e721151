//! `cargo xtask house`: the rules of the house that no compiler knows.
//!
//! One file a rule, one line in [`RULES`], and in each file a planted fault that the rule catches.

mod claims;
mod errors;
mod machine;
mod names;
mod opening;
mod size;
mod words;

use std::fmt;
use std::process::ExitCode;

use anyhow::Result;

use crate::checkout::{self, Source};

/// One rule: its name, and what it finds.
struct Rule {
    name: &'static str,
    find: fn(&[Source]) -> Vec<Fault>,
}

const RULES: &[Rule] = &[
    Rule { name: "files open with what they hold", find: opening::find },
    Rule { name: "file names say something", find: names::find },
    Rule { name: "files have one subject", find: size::find },
    Rule { name: "type names say something", find: words::find },
    Rule { name: "nothing names one machine", find: machine::find },
    Rule { name: "every error has its page", find: errors::find },
    Rule { name: "every claim can be measured", find: claims::find },
];

/// Something that is not in order.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    path: String,
    line: Option<usize>,
    what: String,
}

impl Fault {
    fn in_file(path: &str, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, what: what.into() }
    }

    /// `index` counts from 0, as `enumerate` does.
    fn at(path: &str, index: usize, what: impl Into<String>) -> Self {
        Self { line: Some(index + 1), ..Self::in_file(path, what) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}

/// Checks all rules on the checkout.
pub(crate) fn run() -> Result<ExitCode> {
    let sources = checkout::sources()?;
    let mut broken = 0;
    for rule in RULES {
        let faults = (rule.find)(&sources);
        println!("{} {}", if faults.is_empty() { "ok     " } else { "FAILED " }, rule.name);
        for fault in &faults {
            println!("        {fault}");
        }
        broken += usize::from(!faults.is_empty());
    }
    println!("{} passed, {broken} failed", RULES.len() - broken);
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the Rust files.
fn rust(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|source| source.path.ends_with(".rs"))
}

/// Runs a rule on made files and compares what it says, path and line included.
#[cfg(test)]
fn check(find: fn(&[Source]) -> Vec<Fault>, files: &[(&str, &str)], expected: &[&str]) {
    let source =
        |(path, text): &(&str, &str)| Source { path: (*path).to_owned(), text: (*text).to_owned() };
    let found: Vec<String> = find(&files.iter().map(source).collect::<Vec<_>>())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, expected);
}
