//! Programs that tests start: examples of the package under test.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

/// Returns an example program of a package. Cargo builds it beside the tests, but not when it is told
/// which tests to build (`--test it`): then it is built here, lest an old program is tested.
///
/// # Panics
/// It cannot be built.
#[must_use]
pub fn built(package: &str, name: &'static str) -> PathBuf {
    static EXAMPLES: Mutex<BTreeMap<&'static str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut known = EXAMPLES.lock().unwrap_or_else(PoisonError::into_inner);
    let find = || {
        let example = beside_the_tests(name).unwrap_or_default();
        if !is_fresh(&example).unwrap_or(false) {
            let build = ["build", "--quiet", "-p", package, "--example", name];
            let built = Command::new(env!("CARGO")).args(build).status();
            assert!(built.is_ok_and(|status| status.success()), "`{name}` cannot be built");
        }
        example
    };
    known.entry(name).or_insert_with(find).clone()
}

fn beside_the_tests(name: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    Some(test.parent()?.parent()?.join("examples").join(name))
}

/// Returns whether no source is newer; cargo lists them beside the program.
fn is_fresh(program: &Path) -> io::Result<bool> {
    let changed = |path: &Path| fs::metadata(path)?.modified();
    let (built, listed) = (changed(program)?, fs::read_to_string(program.with_extension("d"))?);
    let sources = listed.split_once(": ").map_or("", |(_, sources)| sources).split_whitespace();
    Ok(sources.map(Path::new).all(|source| changed(source).is_ok_and(|at| at <= built)))
}
