//! No file is called after nothing in particular, and none `mod.rs`.

use super::{Fault, rust};
use crate::checkout::Source;

/// Names under which anything fits, so that everything ends up there.
const FORBIDDEN: [&str; 8] =
    ["utils", "util", "helpers", "helper", "common", "types", "misc", "mod"];

pub(super) fn find(sources: &[Source]) -> Vec<Fault> {
    rust(sources).filter_map(|source| fault(&source.path)).collect()
}

fn fault(path: &str) -> Option<Fault> {
    let mut parts = path.strip_suffix(".rs")?.rsplit('/');
    let name = parts.find(|part| FORBIDDEN.contains(part))?;
    let what = match name {
        "mod" => "write `foo.rs` beside `foo/`, not `foo/mod.rs`".to_owned(),
        other => format!("`{other}` says nothing: name the concept it holds"),
    };
    Some(Fault::in_file(path, what))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::find;

    #[test]
    fn empty_names_are_found_as_files_and_as_folders() {
        check(
            find,
            &[
                ("src/retry.rs", ""),
                ("src/utils.rs", ""),
                ("src/common/retry.rs", ""),
                ("src/retry/mod.rs", ""),
            ],
            &[
                "src/utils.rs: `utils` says nothing: name the concept it holds",
                "src/common/retry.rs: `common` says nothing: name the concept it holds",
                "src/retry/mod.rs: write `foo.rs` beside `foo/`, not `foo/mod.rs`",
            ],
        );
    }
}
