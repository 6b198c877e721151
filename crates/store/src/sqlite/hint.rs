//! Hints between processes: a byte is written to a file beside the database, and the kernel tells
//! whoever watches it.
//!
//! Watching the log itself would tell too much, each step of each run, and too early: the kernel
//! tells of what is being written before it counts. The byte is written after the commit, and only
//! where a run may have become ready. Several processes hear it, so a reader looks into the queue
//! before a hint is passed on: who claims for nothing would keep the writers of others waiting.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{Seek, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use sqlx::SqlitePool;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Least time between two hints that are passed on.
const PAUSE: Duration = Duration::from_millis(5);

/// Gives hints to other processes, and hears theirs and its own.
#[derive(Debug)]
pub(super) struct Hints {
    file: PathBuf,
    /// Open for writing, once something was said; `None` if that cannot be.
    mouth: OnceLock<Option<File>>,
    readers: SqlitePool,
    hint: Arc<Notify>,
    listening: OnceLock<()>,
    end: CancellationToken,
    _ends: DropGuard,
}

impl Hints {
    /// Makes what listens from the first time somebody waits.
    pub(super) fn new(database: &Path, readers: SqlitePool) -> Self {
        let mut file = OsString::from(database);
        file.push("-hint");
        let end = CancellationToken::new();
        let _ends = end.clone().drop_guard();
        Self {
            file: file.into(),
            mouth: OnceLock::new(),
            readers,
            hint: Arc::default(),
            listening: OnceLock::new(),
            end,
            _ends,
        }
    }

    /// Says that a run may have become ready, here and in other processes. Nothing depends on it.
    pub(super) fn say(&self) {
        self.hint.notify_one();
        if let Some(mut file) = self.mouth.get_or_init(|| open(&self.file)).as_ref()
            && let Err(error) = file.rewind().and_then(|()| file.write_all(b"!"))
        {
            tracing::debug!(%error, "no hint to other processes");
        }
    }

    /// Returns with the next hint.
    pub(super) async fn hinted(&self) {
        self.listening.get_or_init(|| {
            let (readers, hint) = (self.readers.clone(), Arc::clone(&self.hint));
            let listen = listen(self.file.clone(), readers, hint);
            let end = self.end.clone();
            tokio::spawn(async move { end.run_until_cancelled(listen).await });
        });
        self.hint.notified().await;
    }
}

fn open(file: &Path) -> Option<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(file).ok()
}

/// Where the kernel tells nothing, there are no hints from other processes.
async fn listen(file: PathBuf, readers: SqlitePool, hint: Arc<Notify>) {
    let Some(written) = open(&file).and_then(|_| Written::watch(&file)) else { return };
    while written.again().await {
        if is_something_ready(&readers).await {
            hint.notify_one();
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
