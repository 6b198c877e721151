//! A local HTTP server that sends exactly the bytes it is told to, cut exactly where it is told.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As HTTP wants it.
    Proper,
    /// The connection is cut.
    Cut,
    /// Nothing more comes, and nothing closes.
    Hang,
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Bytes in each piece that goes over the wire.
    pub(crate) piece: usize,
    pub(crate) end: End,
}

impl Answer {
    pub(crate) fn stream(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", format!("{media_type}; charset=utf-8"))];
        Self { status: 200, headers, body: body.into(), piece: usize::MAX, end: End::Proper }
    }

    pub(crate) fn status(status: u16, body: &str) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: body.into(), piece: usize::MAX, end: End::Proper }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn in_pieces_of(mut self, bytes: usize) -> Self {
        self.piece = bytes;
        self
    }

    pub(crate) fn ending(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// What was asked: the head as text, the body as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// The server: gives the same answer to every request, and remembers the requests.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn giving(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (seen, opened) = (asked.clone(), connections.clone());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                opened.fetch_add(1, Ordering::SeqCst);
                serve(stream, &answer, &seen).await;
            }
        });
        Self { url, asked, connections, task }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers every request that comes over one connection.
async fn serve(mut stream: TcpStream, answer: &Answer, seen: &Mutex<Vec<Asked>>) {
    stream.set_nodelay(true).unwrap();
    while let Some(asked) = read(&mut stream).await {
        seen.lock().unwrap().push(asked);
        // A client that has hung up is its own business.
        let written = write(&mut stream, answer).await;
        match answer.end {
            End::Hang => std::future::pending::<()>().await,
            End::Proper if written.is_ok() => {}
            End::Proper | End::Cut => return,
        }
    }
}

/// Returns the next request, or nothing if the client has hung up.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0_usize) {
                let body = serde_json::from_str(body).unwrap();
                return Some(Asked { head: head.to_owned(), body });
            }
        }
        if matches!(stream.read_buf(&mut bytes).await, Ok(0) | Err(_)) {
            assert!(bytes.is_empty(), "the request is cut");
            return None;
        }
    }
}

async fn write(stream: &mut TcpStream, answer: &Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Told\r\ntransfer-encoding: chunked\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    for piece in answer.body.chunks(answer.piece.min(answer.body.len()).max(1)) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
        stream.write_all(piece).await?;
        stream.write_all(b"\r\n").await?;
        stream.flush().await?;
    }
    if answer.end == End::Proper {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    Ok(())
}
