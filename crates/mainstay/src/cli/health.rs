//! A worker's door for its supervisor: `/livez` says that the process answers, `/readyz` that its
//! database does.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use mainstay_core::{code::Code, store::Store};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::error::CliError;

/// A supervisor that takes longer to ask is not answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request line is shorter than this.
const LONGEST: usize = 2_048;

/// Takes the port.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| {
        let taken = error.kind() == std::io::ErrorKind::AddrInUse;
        let code = if taken { Code::PortInUse } else { Code::InvalidArgument };
        CliError::new(code, format!("{address} cannot be listened on: {error}"))
            .with_hint("end what listens there, or choose another with `--health ADDRESS:PORT`")
    })
}

/// Answers until `stop`.
pub(crate) async fn serve(listener: TcpListener, store: Arc<dyn Store>, stop: CancellationToken) {
    let mut answering = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(_) = answering.join_next() => {}
            asked = listener.accept() => match asked {
                Ok((stream, _)) => {
                    let answer = answer(stream, Arc::clone(&store), stop.clone());
                    answering.spawn(tokio::time::timeout(PATIENCE, answer));
                }
                Err(error) => tracing::warn!(%error, "a health check could not be taken"),
            },
        }
    }
}

async fn answer(mut stream: TcpStream, store: Arc<dyn Store>, stop: CancellationToken) {
    let mut request = Vec::new();
    let mut piece = [0; 512];
    while !request.ends_with(b"\r\n\r\n") && request.len() < LONGEST {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend(piece.iter().take(count)),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    let (status, body) = match path {
        "/livez" => ("200 OK", "alive".to_owned()),
        "/readyz" => ready(&*store, &stop).await,
        _ => ("404 Not Found", "ask for /livez or /readyz".to_owned()),
    };
    let length = body.len() + 1;
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}\n"
    );
    // A supervisor that hangs up has its answer.
    let _ = stream.write_all(reply.as_bytes()).await;
}

async fn ready(store: &dyn Store, stop: &CancellationToken) -> (&'static str, String) {
    if stop.is_cancelled() {
        return ("503 Service Unavailable", "draining".to_owned());
    }
    match store.facts(()).await {
        Ok(_) => ("200 OK", "ready".to_owned()),
        Err(error) => ("503 Service Unavailable", error.to_string()),
    }
}
