//! The checkout that this program was built from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell;

/// Returns the workspace's folder.
pub(crate) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// One text file that is, or is about to be, under version control.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

/// Returns every text file that git tracks or would track.
///
/// New files count before they are added: otherwise a check passes at home and fails in CI.
pub(crate) fn sources() -> Result<Vec<Source>> {
    let listed =
        shell::capture("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .context("listing the files under version control")?;
    // A deleted file stays listed until the deletion is staged; binary files have no lines.
    Ok(listed.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect())
}

fn read(path: &str) -> Option<Source> {
    let text = String::from_utf8(fs::read(root().join(path)).ok()?).ok()?;
    Some(Source { path: path.to_owned(), text })
}

/// Returns the folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    // A relative `CARGO_TARGET_DIR` counts from where cargo is started, which is the root.
    root().join(crate::environment::target_dir().unwrap_or_else(|| PathBuf::from("target")))
}
