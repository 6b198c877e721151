//! Throws a private server away when its owner is gone, however it went.
//!
//! # Why a process and not only `Drop`
//!
//! A test that is killed, or a static that is never dropped, runs no destructor, and each would
//! leave a server behind. The watchdog is a shell that reads from a pipe whose other end only
//! we hold: the kernel closes that end when our process ends, even by SIGKILL.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its input, then stops the server by the pid in its own file and removes
/// the folder. SIGQUIT is Postgres' immediate shutdown: no checkpoint, nobody needs this data.
const SCRIPT: &str = r#"
cat > /dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid" 2> /dev/null
n=0
while [ -e "$1/data/postmaster.pid" ] && kill -0 "$pid" 2> /dev/null && [ $n -lt 100 ]; do
    sleep 0.05
    n=$((n + 1))
done
[ $n -lt 100 ] || kill -KILL "$pid"
rm -rf "$1"
"#;

/// The process that outlives us just long enough to clean up.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

impl Watchdog {
    /// Starts watching over the server in `folder`.
    pub(super) fn over(folder: &Path) -> io::Result<Self> {
        Command::new("sh")
            .args(["-c", SCRIPT, "mainstay-watchdog"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own, so that Ctrl-C reaches us and not the one who cleans up.
            .process_group(0)
            .spawn()
            .map(Self)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Nothing can be done about a shell that cannot be waited for.
        let _ = self.0.wait();
    }
}
