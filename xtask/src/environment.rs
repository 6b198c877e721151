//! What this program reads from the environment: everything, in one place.

use std::ffi::OsString;
use std::path::PathBuf;

/// Returns the cargo that started us, so that `cargo +nightly xtask` stays on that toolchain.
pub(crate) fn cargo() -> OsString {
    variable("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Returns where cargo was told to build.
pub(crate) fn target_dir() -> Option<PathBuf> {
    variable("CARGO_TARGET_DIR").map(PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "the one door to the environment in xtask")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
