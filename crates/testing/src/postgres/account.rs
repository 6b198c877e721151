//! The unprivileged user that a private server runs as, and the folder made for it.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};

use super::ServerError;

/// Users worth asking, best first: the package's own, then the one that owns nothing.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// Who runs the server's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// We are not root: the server runs as we do.
    Own,
    /// We are root: the server runs as this user and group.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Returns an account that `initdb` accepts.
    pub(super) fn choose() -> Result<Self, ServerError> {
        if !is_root() {
            return Ok(Self::Own);
        }
        let users = fs::read_to_string("/etc/passwd")
            .map_err(|error| ServerError::new("reading the list of users").because(error))?;
        CANDIDATES.iter().find_map(|name| find(&users, name)).ok_or_else(|| {
            ServerError::new("no unprivileged user to run Postgres as")
                .next("run the tests as an ordinary user, or `adduser --system postgres`")
        })
    }

    /// Returns a command that runs `program` as this account, in `folder`.
    pub(super) fn command(self, program: &Path, folder: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(program);
        // `initdb` complains about a working directory that its user cannot read.
        command.current_dir(folder);
        if let Self::Other { uid, gid } = self {
            // With a new uid the standard library also drops root's supplementary groups.
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes an empty folder that only this account can enter.
    pub(super) fn make_folder(self, name: &str) -> io::Result<PathBuf> {
        // Always `/tmp`: a socket's path has about 100 bytes, and root's own temporary folder
        // may be closed to the account.
        let folder = Path::new("/tmp").join(name);
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        self.hand_over(&folder)?;
        Ok(folder)
    }

    /// Gives a file that we wrote to the account.
    pub(super) fn hand_over(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid)),
        }
    }
}

/// Returns whether this process may do anything.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Finds a user in the text of `/etc/passwd`: `name:x:uid:gid:…`.
fn find(users: &str, name: &str) -> Option<Account> {
    let fields = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))?;
    match fields.as_slice() {
        [_, _, uid, gid, ..] => {
            Some(Account::Other { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, find};

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:admin,,,:/var/lib:/bin/bash\nbroken:x\n";

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        assert_eq!(find(USERS, "postgres"), Some(Account::Other { uid: 101, gid: 104 }));
        assert_eq!(find(USERS, "post"), None);
    }

    #[test]
    fn a_line_without_numbers_is_not_a_user() {
        assert_eq!(find(USERS, "broken"), None);
    }
}
