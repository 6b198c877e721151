//! SIGINT and SIGTERM: a request to stop gracefully.

use tokio::signal::unix::{SignalKind, signal};

/// Listens from now on, and waits until somebody asks this process to stop. Where signals cannot be
/// heard it waits for ever: then the default action of the system still ends the process.
///
/// A loop asks for this once, before it begins: between two listeners a signal would go unheard.
pub(crate) fn asked() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
