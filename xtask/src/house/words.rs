//! No type is called Manager: words that fit every type name none.

use super::{Fault, rust};
use crate::checkout::Source;

const FORBIDDEN: [&str; 10] =
    ["Manager", "Handler", "Helper", "Util", "Utils", "Info", "Data", "Impl", "Dao", "Processor"];
/// HTTP calls what answers a request a handler, so there the word says something.
const HTTP: &str = "crates/server/";

pub(super) fn find(sources: &[Source]) -> Vec<Fault> {
    rust(sources).flat_map(faults).collect()
}

fn faults(source: &Source) -> Vec<Fault> {
    let named = source.text.lines().enumerate().filter_map(|(i, line)| Some((i, type_name(line)?)));
    let forbidden = named.filter_map(|(index, name)| {
        let words = words(name);
        let word = words.into_iter().find(|word| is_forbidden(word, &source.path))?;
        Some((index, name, word))
    });
    forbidden
        .map(|(index, name, word)| {
            let what = format!("`{name}`: `{word}` fits every type; say what it is or does");
            Fault::at(&source.path, index, what)
        })
        .collect()
}

fn is_forbidden(word: &str, path: &str) -> bool {
    let http = word == "Handler" && path.starts_with(HTTP);
    !http && FORBIDDEN.contains(&word)
}

/// Returns the name that a line declares as a type, if it does.
fn type_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub(") {
        Some(rest) => rest.split_once(')')?.1,
        None => line.strip_prefix("pub ").unwrap_or(line),
    };
    let mut words = line.split_whitespace();
    let keyword = words.next()?;
    matches!(keyword, "struct" | "enum" | "trait" | "type" | "union").then_some(())?;
    let name = words.next()?;
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    name.get(..end).filter(|name| !name.is_empty())
}

/// Splits `RunMetaData` into its words.
fn words(name: &str) -> Vec<&str> {
    let starts = name.char_indices().filter(|(_, c)| c.is_ascii_uppercase()).map(|(i, _)| i);
    let starts: Vec<usize> = starts.collect();
    let ends = starts.iter().skip(1).copied().chain([name.len()]);
    starts.iter().zip(ends).filter_map(|(start, end)| name.get(*start..end)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::find;

    #[test]
    fn empty_words_are_found_in_every_kind_of_declaration() {
        check(
            find,
            &[(
                "a.rs",
                concat!(
                    "pub struct RunManager {\n",
                    "    pub(in crate::run) enum DataKind {\n",
                    "trait StepHelper<T>: Sized {\n",
                    "type InfoOf<T> = T;\n",
                    "struct Metadata;\nstruct Manage;\n// struct Manager\n",
                ),
            )],
            &[
                "a.rs:1: `RunManager`: `Manager` fits every type; say what it is or does",
                "a.rs:2: `DataKind`: `Data` fits every type; say what it is or does",
                "a.rs:3: `StepHelper`: `Helper` fits every type; say what it is or does",
                "a.rs:4: `InfoOf`: `Info` fits every type; say what it is or does",
            ],
        );
    }

    #[test]
    fn http_may_have_handlers() {
        check(find, &[("crates/server/src/api.rs", "struct RunHandler;\n")], &[]);
        let fault = "crates/core/src/api.rs:1: `RunHandler`: `Handler` fits every type; say what \
                     it is or does";
        check(find, &[("crates/core/src/api.rs", "struct RunHandler;\n")], &[fault]);
    }
}
