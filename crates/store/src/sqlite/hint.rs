//! Hints between processes: the kernel says when somebody has written to the file's log.
//!
//! Not everything that is written makes a run ready, so a reader looks into the queue before a hint
//! is passed on: who claims for nothing would keep the writers of other processes waiting.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use sqlx::SqlitePool;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Least time between two hints that are passed on.
const PAUSE: Duration = Duration::from_millis(5);

/// Pauses before looks into the queue, in milliseconds: what the kernel tells of is being written,
/// and counts only once it has been flushed.
const LOOKS_MS: [u64; 6] = [1, 2, 4, 8, 16, 32];

/// Hears hints of this process and of others.
#[derive(Debug)]
pub(super) struct Ear {
    log: PathBuf,
    readers: SqlitePool,
    hint: Arc<Notify>,
    listening: OnceLock<()>,
    end: CancellationToken,
    _ends: DropGuard,
}

impl Ear {
    /// Makes an ear, which listens from the first time somebody waits.
    pub(super) fn new(file: &Path, readers: SqlitePool) -> Self {
        let mut log = OsString::from(file);
        log.push("-wal");
        let end = CancellationToken::new();
        let _ends = end.clone().drop_guard();
        let (log, hint, listening) = (log.into(), Arc::default(), OnceLock::new());
        Self { log, readers, hint, listening, end, _ends }
    }

    /// Passes a hint of this process on.
    pub(super) fn heard(&self) {
        self.hint.notify_one();
    }

    /// Returns with the next hint.
    pub(super) async fn hinted(&self) {
        self.listening.get_or_init(|| {
            let (readers, hint) = (self.readers.clone(), Arc::clone(&self.hint));
            let listen = listen(self.log.clone(), readers, hint);
            let end = self.end.clone();
            tokio::spawn(async move { end.run_until_cancelled(listen).await });
        });
        self.hint.notified().await;
    }
}

/// Where the kernel tells nothing, there are no hints from other processes.
async fn listen(log: PathBuf, readers: SqlitePool, hint: Arc<Notify>) {
    let Some(written) = Written::watch(&log) else { return };
    while written.again().await {
        for pause in LOOKS_MS {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            if is_something_ready(&readers).await {
                hint.notify_one();
                break;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn is_something_ready(readers: &SqlitePool) -> bool {
    let look = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM mainstay_ready)");
    look.fetch_one(readers).await.unwrap_or(true)
}

#[cfg(target_os = "linux")]
use linux::Written;

#[cfg(target_os = "linux")]
mod linux {
    use std::{io::ErrorKind, path::Path};

    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    use tokio::net::unix::pipe::Receiver;

    /// A file that is watched. What the kernel tells is read as from a pipe.
    pub(super) struct Written(Receiver);

    impl Written {
        pub(super) fn watch(file: &Path) -> Option<Self> {
            let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
            add_watch(&watch, file, WatchFlags::MODIFY).ok()?;
            Receiver::from_owned_fd_unchecked(watch).ok().map(Self)
        }

        /// Waits until it was written to since the last time; `false` if that cannot be told.
        pub(super) async fn again(&self) -> bool {
            let mut events = [0; 4_096];
            let mut written = false;
            loop {
                match self.0.try_read(&mut events) {
                    Ok(0) => return false,
                    Ok(_) => written = true,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() != ErrorKind::WouldBlock => return false,
                    Err(_) if written => return true,
                    Err(_) if self.0.readable().await.is_err() => return false,
                    Err(_) => {}
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
struct Written;

#[cfg(not(target_os = "linux"))]
impl Written {
    fn watch(_: &Path) -> Option<Self> {
        None
    }

    async fn again(&self) -> bool {
        false
    }
}
