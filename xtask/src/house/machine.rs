//! Nothing that is committed names one machine, or a place only one machine knows.
//!
//! A path of somebody's home makes a script fail elsewhere, and a private registry's address in
//! a lock file makes a build fail everywhere else.

use super::Fault;
use crate::checkout::Source;

/// Beginnings of paths that belong to one person, and where containers and CI put a checkout.
const PLACES: [&str; 5] = ["/root/", "/home/", "/Users/", "/workspace/", "/builds/"];
/// This file has to spell them out.
const EXEMPT: &str = "xtask/src/house/machine.rs";
/// The words by which package tools are pointed at another registry.
const REDIRECTIONS: [&str; 6] =
    ["index-url", "extra-index-url", "replace-with", "source-url", "GOPROXY", "registry="];
/// What a lock file of cargo calls the public registry; other locks are kept without addresses.
const PUBLIC: &str = "github.com/rust-lang/crates.io-index";

pub(super) fn find(sources: &[Source]) -> Vec<Fault> {
    sources.iter().filter(|source| source.path != EXEMPT).flat_map(faults).collect()
}

fn faults(source: &Source) -> Vec<Fault> {
    let lines = source.text.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let what = place(line)
                .map(|place| format!("`{place}…` exists on one machine only"))
                .or_else(|| registry(&source.path, line))?;
            Some(Fault::at(&source.path, index, what))
        })
        .collect()
}

/// Returns the beginning of a path of one machine. What follows another name, as in
/// `https://host/home/`, is no such beginning; neither is a path without anything in it.
fn place(line: &str) -> Option<&'static str> {
    PLACES.into_iter().find(|place| {
        line.match_indices(place).any(|(start, _)| {
            let before = line.get(..start).and_then(|text| text.chars().last());
            let after = line.get(start + place.len()..).and_then(|text| text.chars().next());
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}' | '*'))
                && after.is_none_or(|c| c.is_alphanumeric() || c == '.')
        })
    })
}

fn registry(path: &str, line: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lock = name.ends_with(".lock") || name == "package-lock.json";
    if lock {
        let (_, address) = line.split_once("https://").or_else(|| line.split_once("http://"))?;
        let locked = line.contains("source = ") || line.contains("\"resolved\"");
        let public = line.contains(PUBLIC);
        let host = address.split('/').next().unwrap_or(address);
        return (locked && !public).then(|| format!("`{host}` is no public registry"));
    }
    let settings = matches!(name, ".npmrc" | "pip.conf" | "config.toml" | "Dockerfile");
    let script = name.ends_with(".sh") || name == "run" || settings;
    let word = REDIRECTIONS.into_iter().find(|word| script && line.contains(word))?;
    Some(format!("`{word}` sends everybody to one registry: leave that to each machine"))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::find;

    #[test]
    fn a_path_of_one_machine_is_found_wherever_it_stands() {
        check(
            find,
            &[
                ("a.md", "see /home/ada/notes\n"),
                ("b.rs", "//! x\nlet path = \"/root/.cargo\";\n"),
                ("c.md", "https://example.org/home/ada and `crates/work/x`\n"),
            ],
            &[
                "a.md:1: `/home/…` exists on one machine only",
                "b.rs:2: `/root/…` exists on one machine only",
            ],
        );
    }

    #[test]
    fn a_private_registry_is_found_in_locks_and_settings() {
        let private = "source = \"sparse+https://crates.example.net/index/\"\n";
        let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        check(
            find,
            &[
                ("Cargo.lock", private),
                ("python/Cargo.lock", public),
                ("console/.npmrc", "registry=https://npm.example.net\n"),
                ("README.md", "registry=anything\n"),
            ],
            &[
                "Cargo.lock:1: `crates.example.net` is no public registry",
                "console/.npmrc:1: `registry=` sends everybody to one registry: leave that to each \
                 machine",
            ],
        );
    }
}
