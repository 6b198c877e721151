//! Serving: half of the time before a call is done, half before it is answered.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use mainstay_core::port::Clock;
use mainstay_engine::system::SystemClock;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{Book, Line, Request};

/// A ledger that is served until it is dropped.
#[derive(Debug)]
pub struct Ledger {
    book: Arc<Book>,
    port: u16,
    task: JoinHandle<()>,
}

impl Ledger {
    /// Opens a ledger in which a call takes this long. It is reached on every address of this
    /// machine, also from a network of a worker's own.
    ///
    /// # Errors
    /// No port is to be had.
    pub async fn open(takes: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        let port = listener.local_addr()?.port();
        let book = Arc::new(Book::default());
        let task = tokio::spawn(serve(listener, Arc::clone(&book), takes / 2));
        Ok(Self { book, port, task })
    }

    /// Returns what is written.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Returns the way to it from this machine.
    #[must_use]
    pub fn line(&self) -> Line {
        self.line_by(Ipv4Addr::LOCALHOST)
    }

    /// Returns the way to it over another address of this machine.
    #[must_use]
    pub fn line_by(&self, address: Ipv4Addr) -> Line {
        Line::new(SocketAddr::from((address, self.port)))
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, book: Arc<Book>, half: Duration) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // A caller that hung up has been served all the same.
            tokio::spawn(answer(stream, Arc::clone(&book), half));
        }
    }
}

async fn answer(stream: TcpStream, book: Arc<Book>, half: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut text = String::new();
    stream.read_line(&mut text).await?;
    let request: Request = serde_json::from_str(&text)?;
    tokio::time::sleep(half).await;
    let answer = book.write(&request, SystemClock.boot(), SystemClock.now());
    tokio::time::sleep(half).await;
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    stream.write_all(&text).await
}
