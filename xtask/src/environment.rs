//! What this program reads from the environment: everything, in one place.

use std::ffi::OsString;
use std::path::PathBuf;

/// Returns the cargo that started us, so that `cargo +nightly xtask` stays on that toolchain.
pub(crate) fn cargo() -> OsString {
    variable("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The variable that tells cargo where to build.
pub(crate) const TARGET_DIR: &str = "CARGO_TARGET_DIR";

/// Returns where cargo was told to build.
pub(crate) fn target_dir() -> Option<PathBuf> {
    variable(TARGET_DIR).map(PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "the one door to the environment in xtask")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
