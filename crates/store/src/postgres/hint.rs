//! Hints between processes: `NOTIFY` on a connection of its own, outside every other transaction.
//!
//! Inside a transaction that writes, a notification makes all commits of the database wait for one
//! another. Here it is alone, waits for no disk, and while one is on its way all others become the
//! next: there are never more than a few hundred a second. Nothing depends on a hint.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{
    Executor,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connect::{Address, Link};

/// The channel; it is the database's own.
const CHANNEL: &str = "mainstay_ready";

/// Least time between two hints that are given, or passed on.
const PAUSE: Duration = Duration::from_millis(5);

/// Pause before a broken connection is made again.
const AGAIN: Duration = Duration::from_secs(1);

/// Told when a hint has gone out, if somebody waits for that.
type Said = Option<oneshot::Sender<()>>;

/// Gives hints to other processes.
pub(super) struct Mouth {
    wishes: mpsc::UnboundedSender<Said>,
    resting: Arc<AtomicBool>,
    end: CancellationToken,
}

impl Mouth {
    /// Opens a mouth, which connects with its first hint.
    pub(super) fn open(link: Link) -> (Self, JoinHandle<()>) {
        let (wishes, heard) = mpsc::unbounded_channel();
        let (resting, end) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
        let task = tokio::spawn(speak(link, heard, Arc::clone(&resting), end.clone()));
        (Self { wishes, resting, end }, task)
    }

    /// Has a hint given soon.
    pub(super) fn say(&self) {
        // After the end nobody is told, and looks by himself.
        let _ = self.wishes.send(None);
    }

    /// Has a hint given, and returns when it has: this process may end right after. When one was
    /// given just now it goes on, and will be there for the next.
    pub(super) async fn say_and_wait(&self) {
        if self.resting.load(Ordering::Acquire) {
            return self.say();
        }
        let (said, waits) = oneshot::channel();
        let _ = self.wishes.send(Some(said));
        let _ = waits.await;
    }

    /// Ends it.
    pub(super) fn close(&self) {
        self.end.cancel();
    }
}

async fn speak(
    mut link: Link,
    mut heard: mpsc::UnboundedReceiver<Said>,
    resting: Arc<AtomicBool>,
    end: CancellationToken,
) {
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            () = end.cancelled() => break,
            wishes = heard.recv_many(&mut waiting, usize::MAX) => if wishes == 0 { break },
        }
        let notified = async {
            let said = link.bare().await?.execute("NOTIFY mainstay_ready").await;
            said.map_err(super::failure::Failed::from)
        };
        if let Ok(Err(failed)) = tokio::time::timeout(AGAIN, notified).await {
            link.mind(&failed);
        }
        resting.store(true, Ordering::Release);
        for said in waiting.drain(..).flatten() {
            let _ = said.send(());
        }
        tokio::time::sleep(PAUSE).await;
        resting.store(false, Ordering::Release);
    }
    link.close().await;
}

/// Hears hints of this process and of others.
pub(super) struct Ear {
    address: Address,
    hint: Arc<Notify>,
    listening: OnceLock<()>,
    end: CancellationToken,
    _ends: DropGuard,
}

impl Ear {
    /// Makes an ear, which listens from the first time somebody waits.
    pub(super) fn new(address: Address) -> Self {
        let end = CancellationToken::new();
        let _ends = end.clone().drop_guard();
        Self { address, hint: Arc::default(), listening: OnceLock::new(), end, _ends }
    }

    /// Passes a hint of this process on.
    pub(super) fn heard(&self) {
        self.hint.notify_one();
    }

    /// Returns with the next hint.
    pub(super) async fn hinted(&self) {
        self.listening.get_or_init(|| {
            let listen = listen(self.address.clone(), Arc::clone(&self.hint));
            let end = self.end.clone();
            tokio::spawn(async move { end.run_until_cancelled(listen).await });
        });
        self.hint.notified().await;
    }

    /// Ends it.
    pub(super) fn close(&self) {
        self.end.cancel();
    }
}

async fn listen(address: Address, hint: Arc<Notify>) {
    loop {
        if let Err(error) = listen_once(&address, &hint).await {
            tracing::debug!(%error, "no hints from other processes for a while");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn listen_once(address: &Address, hint: &Notify) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(address.options());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        listener.recv().await?;
        hint.notify_one();
        tokio::time::sleep(PAUSE).await;
        // What came meanwhile is one hint.
        if std::iter::from_fn(|| listener.next_buffered()).count() > 0 {
            hint.notify_one();
        }
    }
}
