//! Listening: connections, their limits, and their end.

use std::{io, net::SocketAddr, pin::pin, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// So many connections are open at once; the next are closed unheard.
pub const MOST_CONNECTIONS: usize = 512;

/// The head of a request has to arrive within this time.
const HEAD: Duration = Duration::from_secs(10);

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 << 10;

/// Answers under way when it ends get so long.
const LAST: Duration = Duration::from_secs(5);

/// A machine out of file handles is asked again after this.
const PAUSE: Duration = Duration::from_millis(100);

/// Returns whether only this machine reaches an address.
#[must_use]
pub fn is_local(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Takes the port.
///
/// # Errors
/// The system does not give it.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers until `stop`, and then those who asked before.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    serve_some(listener, router, stop, MOST_CONNECTIONS).await;
}

async fn serve_some(listener: TcpListener, router: Router, stop: CancellationToken, most: usize) {
    let mut answering = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = answering.join_next() => {}
            asked = listener.accept() => match asked {
                Ok((stream, _)) if answering.len() < most => {
                    answering.spawn(answer(stream, router.clone(), stop.clone()));
                }
                Ok((_, from)) => tracing::warn!(%from, "a connection too many was closed"),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    let rest = async { while answering.join_next().await.is_some() {} };
    if timeout(LAST, rest).await.is_err() {
        tracing::warn!("connections were closed before their answers");
    }
}

async fn answer(stream: TcpStream, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn one_connection_too_many_is_closed_unheard_and_the_others_are_answered() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = tokio::spawn(serve_some(listener, Router::new(), stop.clone(), 1));
        let mut first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        let mut heard = Vec::new();
        // Closed, politely or not.
        let _ = second.read_to_end(&mut heard).await;
        assert!(heard.is_empty());
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        first.write_all(request).await.unwrap();
        first.read_to_end(&mut heard).await.unwrap();
        assert!(heard.starts_with(b"HTTP/1.1 404"));
        stop.cancel();
        serving.await.unwrap();
    }

    #[test]
    fn an_address_is_local_in_every_spelling_and_nothing_else_is() {
        for local in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for public in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
            assert!(!is_local(public.parse().unwrap()), "{public}");
        }
    }
}
