//! Places of a worker that are as good as free: their runs are in their last commit.
//!
//! A run that parks, ends or goes back to the queue needs nothing more of its worker once its last
//! rows are handed in. Another run may begin meanwhile, instead of after the disk has answered and
//! the next claim has too.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// How many runs are leaving.
#[derive(Debug, Default)]
pub(crate) struct Places {
    leaving: AtomicUsize,
    left: Notify,
}

impl Places {
    /// Says that a run leaves, for as long as what is returned lives.
    pub(crate) fn leave(self: &Arc<Self>) -> Leaving {
        self.leaving.fetch_add(1, Ordering::Relaxed);
        self.left.notify_one();
        Leaving(Arc::clone(self))
    }

    /// Returns how many runs are leaving.
    pub(crate) fn leaving(&self) -> usize {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Returns when another run leaves.
    pub(crate) async fn left(&self) {
        self.left.notified().await;
    }
}

/// A run that leaves. One that is called back by a message takes its place again by dropping this.
#[derive(Debug)]
pub(crate) struct Leaving(Arc<Places>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leaving.fetch_sub(1, Ordering::Relaxed);
    }
}
