//! Real waits inside simulated time.
//!
//! Simulated time passes when a runtime has nothing to do, and a runtime whose tool waits for a
//! real database has nothing to do either. While this is held, no time passes.

use std::{
    sync::mpsc::{Sender, channel},
    time::Duration,
};

/// A call that has been really waited for this long waits for time itself, and gets it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps the time of the paused tokio runtime it is made in, until dropped.
pub(crate) struct Held {
    _release: Sender<()>,
}

impl Held {
    pub(crate) fn begin() -> Self {
        let (release, released) = channel();
        // A paused runtime lets no time pass while a blocking task is under way.
        tokio::task::spawn_blocking(move || released.recv_timeout(PATIENCE));
        Self { _release: release }
    }
}
