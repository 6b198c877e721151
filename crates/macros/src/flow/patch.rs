//! What a step's body was before its patches went in.
//!
//! `if cx.patch("name").await { new } else { old }` shows both bodies at once: without the patch,
//! `old` stands there. So the text of the older body can be told from the newer one, and a StepRun
//! that began with it goes on without a person: everything around the patches is the same.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Patches of one step at most: each doubles the bodies it may have been.
pub(crate) const MOST: usize = 4;

/// Returns the names of the patches in a body.
pub(crate) fn names(body: TokenStream) -> BTreeSet<String> {
    let trees: Vec<_> = body.into_iter().collect();
    let mut names = BTreeSet::new();
    for (at, tree) in trees.iter().enumerate() {
        let (_, rest) = trees.split_at(at);
        names.extend(Patch::at(rest).map(|patch| patch.name));
        if let TokenTree::Group(group) = tree {
            names.extend(self::names(group.stream()));
        }
    }
    names
}

/// Returns the bodies this one may have been before one or several of its patches went in.
pub(crate) fn before(body: &TokenStream) -> Vec<TokenStream> {
    let names: Vec<_> = names(body.clone()).into_iter().take(MOST).collect();
    let missing = |set: usize| {
        let chosen = names.iter().enumerate().filter(move |(bit, _)| set & (1 << bit) != 0);
        chosen.map(|(_, name)| name.as_str()).collect()
    };
    (1..1 << names.len()).map(|set| without(body.clone(), &missing(set))).collect()
}

/// Returns the body with the old side in place of each of these patches.
fn without(body: TokenStream, names: &BTreeSet<&str>) -> TokenStream {
    let trees: Vec<_> = body.into_iter().collect();
    let (mut rest, mut written) = (trees.as_slice(), TokenStream::new());
    while let Some((tree, after)) = rest.split_first() {
        if let Some(patch) = Patch::at(rest).filter(|patch| names.contains(&*patch.name)) {
            written.extend(without(patch.old, names));
            rest = patch.after;
            continue;
        }
        written.extend([match tree {
            TokenTree::Group(group) => {
                Group::new(group.delimiter(), without(group.stream(), names)).into()
            }
            other => other.clone(),
        }]);
        rest = after;
    }
    written
}

/// One `if cx.patch("name").await { … } else { … }`.
struct Patch<'a> {
    name: String,
    old: TokenStream,
    after: &'a [TokenTree],
}

impl<'a> Patch<'a> {
    /// Reads a patch that begins here.
    fn at(trees: &'a [TokenTree]) -> Option<Self> {
        use TokenTree as T;
        let [T::Ident(when), T::Ident(_), T::Punct(_), T::Ident(patch), T::Group(name), rest @ ..] =
            trees
        else {
            return None;
        };
        let [T::Punct(_), T::Ident(awaited), T::Group(_), rest @ ..] = rest else { return None };
        if when != "if" || patch != "patch" || awaited != "await" {
            return None;
        }
        let (old, after) = match rest {
            [T::Ident(other), T::Group(old), after @ ..]
                if other == "else" && old.delimiter() == Delimiter::Brace =>
            {
                (old.stream(), after)
            }
            // A chain of `else if` is what stood there.
            [T::Ident(other), after @ ..] if other == "else" => (TokenStream::new(), after),
            after => (TokenStream::new(), after),
        };
        Some(Self { name: name.stream().to_string(), old, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint;

    fn check(newer: &str, older: &[&str]) {
        let text = |source: &str| fingerprint::text(source.parse().unwrap());
        let found = before(&newer.parse().unwrap()).into_iter().map(fingerprint::text);
        assert_eq!(found.collect::<Vec<_>>(), older.iter().map(|s| text(s)).collect::<Vec<_>>());
    }

    #[test]
    fn the_old_side_stands_where_the_patch_is() {
        check(
            r#"{ a(); if cx.patch("one").await { b()?; } else { c()?; } d() }"#,
            &["{ a(); c()?; d() }"],
        );
        check(
            r#"{ let x = if cx.patch("one").await { b() } else { c() }; x }"#,
            &["{ let x = c(); x }"],
        );
    }

    #[test]
    fn a_patch_without_an_old_side_was_nothing() {
        check(r#"{ if cx.patch("one").await { b(); } c() }"#, &["{ c() }"]);
    }

    #[test]
    fn each_set_of_patches_may_be_missing() {
        check(
            r#"{ f(if cx.patch("a").await { 1 } else { 2 }, if cx.patch("b").await { 3 } else { 4 }) }"#,
            &[
                r#"{ f(2, if cx.patch("b").await { 3 } else { 4 }) }"#,
                r#"{ f(if cx.patch("a").await { 1 } else { 2 }, 4) }"#,
                "{ f(2, 4) }",
            ],
        );
    }

    #[test]
    fn a_patch_inside_a_patch_goes_with_it() {
        check(
            r#"{ if cx.patch("a").await { if cx.patch("b").await { 1 } else { 2 } } else { 3 } }"#,
            &["{ 3 }", r#"{ if cx.patch("a").await { 2 } else { 3 } }"#, "{ 3 }"],
        );
    }

    #[test]
    fn a_chain_stays_a_chain() {
        check(
            r#"{ if cx.patch("a").await { 1 } else if x { 2 } else { 3 } }"#,
            &["{ if x { 2 } else { 3 } }"],
        );
    }

    #[test]
    fn other_conditions_are_left_alone() {
        check(r#"{ if cx.tag("a").await { 1 } else { 2 } }"#, &[]);
    }
}
