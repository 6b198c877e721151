//! What the throwaway Postgres reads from the environment: everything, in one place.

use std::path::PathBuf;

/// The variables that decide where a server comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    /// `DATABASE_URL`, when it names a Postgres; a SQLite URL is none of our business.
    pub(super) database_url: Option<String>,
    /// Whether 127.0.0.1:5432 may be tried (`MAINSTAY_TEST_PROBE=off` hides it).
    pub(super) probe: Probe,
    /// The folders of `PATH`.
    pub(super) path: Vec<PathBuf>,
}

/// Whether the usual local port is tried before a private server is started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Probe {
    /// Try 127.0.0.1:5432.
    #[default]
    Local,
    /// Go on as if nothing listened there.
    Off,
}

impl Environment {
    /// Reads the environment of this process.
    pub(super) fn read() -> Self {
        Self {
            database_url: variable("DATABASE_URL").filter(|url| is_postgres(url)),
            probe: match variable("MAINSTAY_TEST_PROBE").as_deref() {
                Some("off") => Probe::Off,
                Some(_) | None => Probe::Local,
            },
            path: variable("PATH")
                .map(|path| std::env::split_paths(&path).collect())
                .unwrap_or_default(),
        }
    }
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no facade to hand them configuration; this is their one door"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
