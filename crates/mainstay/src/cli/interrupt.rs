//! SIGINT and SIGTERM: a request to stop gracefully.

use tokio::signal::unix::{SignalKind, signal};

/// Waits until somebody asks this process to stop. Where signals cannot be heard it waits for ever:
/// then the default action of the system still ends the process.
pub(crate) async fn asked() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
