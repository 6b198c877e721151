//! Where Postgres' programs are, and how they get there when they are not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::account::is_root;
use super::environment::Environment;
use super::failure::ServerError;

/// Where Debian puts each major version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The oldest major version that we promise to work with.
pub(super) const OLDEST: u32 = 15;

const INSTALL: &str = "install PostgreSQL 15 or newer (Debian: `apt-get install postgresql`, Fedora: \
     `dnf install postgresql-server`, macOS: `brew install postgresql`), or set DATABASE_URL";

/// A folder that holds `initdb`, `pg_ctl` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries(PathBuf);

impl Binaries {
    /// Returns installed programs, installing them when we may.
    pub(super) async fn find_or_install(environment: &Environment) -> Result<Self, ServerError> {
        if let Some(found) = Self::find(Path::new(DEBIAN), &environment.path) {
            return Ok(found);
        }
        if !is_root() || !on_path("apt-get", &environment.path) {
            return Err(ServerError::new("no PostgreSQL on this machine").next(INSTALL));
        }
        install().await?;
        Self::find(Path::new(DEBIAN), &environment.path).ok_or_else(|| {
            ServerError::new("the postgresql package brought no server").next(INSTALL)
        })
    }

    /// Returns the newest version below `versions`, else what `path` offers.
    pub(super) fn find(versions: &Path, path: &[PathBuf]) -> Option<Self> {
        newest(versions)
            .into_iter()
            .chain(path.iter().cloned())
            .find(|folder| is_complete(folder))
            .map(Self)
    }

    /// Returns the path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
}

/// Returns the `bin` folders of all versions that are new enough, newest first.
fn newest(versions: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(versions)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .filter(|(major, _)| *major >= OLDEST)
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, folder)| folder.join("bin")).collect()
}

fn on_path(program: &str, path: &[PathBuf]) -> bool {
    path.iter().any(|folder| folder.join(program).is_file())
}

/// Installs the Debian package; another process that installs it at the same time is waited for.
async fn install() -> Result<(), ServerError> {
    for arguments in [
        ["-o", "DPkg::Lock::Timeout=300", "update", "-q"].as_slice(),
        ["-o", "DPkg::Lock::Timeout=300", "install", "-y", "-q", "postgresql"].as_slice(),
    ] {
        // Standard output belongs to whoever called us: what apt says is for the log.
        let output = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| ServerError::new("running apt-get").because(error))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(ServerError::new(format!("`apt-get {}` failed", arguments.join(" ")))
                .because(said)
                .next(INSTALL));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::Binaries;

    /// Makes a folder with the named programs as empty files.
    fn folder(root: &Path, name: &str, programs: &[&str]) -> PathBuf {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        for program in programs {
            fs::write(folder.join(program), "").unwrap();
        }
        folder
    }

    #[test]
    fn the_newest_complete_version_wins_and_the_path_comes_last() {
        let root = std::env::temp_dir().join(format!("mainstay-binaries-{}", std::process::id()));
        let all = ["initdb", "pg_ctl", "postgres"];
        let versions = root.join("versions");
        folder(&root, "versions/9/bin", &all);
        folder(&root, "versions/17/bin", &["postgres"]);
        let sixteen = folder(&root, "versions/16/bin", &all);
        let elsewhere = folder(&root, "elsewhere", &all);

        let path = [root.join("missing"), elsewhere.clone()];
        assert_eq!(Binaries::find(&versions, &path), Some(Binaries(sixteen)));
        assert_eq!(Binaries::find(&root.join("none"), &path), Some(Binaries(elsewhere)));
        assert_eq!(Binaries::find(&root.join("none"), &[]), None);
        fs::remove_dir_all(root).unwrap();
    }
}
