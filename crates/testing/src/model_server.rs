//! A model vendor on this machine: real HTTP, OpenAI's chat completions as a stream, and exactly the
//! answers a test tells it to give. It counts what reaches it.
//!
//! It runs on threads of its own, so that tests with and without an async runtime can use it.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

/// One answer of the server.
#[derive(Debug, Clone)]
pub enum Turn {
    /// A whole answer that took so many tokens, some of the sent ones from the vendor's cache.
    Says {
        /// The text.
        text: String,
        /// Tokens sent, the cached ones included.
        input: u64,
        /// Those of them that were cached.
        cached: u64,
        /// Tokens received.
        output: u64,
    },
    /// A status instead of an answer.
    Refuses {
        /// The HTTP status.
        status: u16,
        /// What stands in `retry-after`, in seconds.
        retry_after: Option<u32>,
    },
    /// The beginning of an answer, and then nothing.
    Breaks,
    /// No answer until [`ModelServer::release`], and then the next turn's.
    Hangs,
}

impl Turn {
    /// Makes a whole answer of a few tokens.
    #[must_use]
    pub fn says(text: &str) -> Self {
        Self::Says { text: text.to_owned(), input: 10, cached: 0, output: 5 }
    }

    /// Makes a refusal.
    #[must_use]
    pub const fn refuses(status: u16) -> Self {
        Self::Refuses { status, retry_after: None }
    }
}

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    turns: Vec<Turn>,
    asked: Mutex<Vec<Value>>,
    answered: AtomicUsize,
    door: Mutex<Door>,
    opened: Condvar,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Door {
    #[default]
    Held,
    Released,
    Closed,
}

impl ModelServer {
    /// Starts a server that answers its nth request with the nth turn, and later ones with the last.
    ///
    /// # Errors
    /// No port is free on this machine.
    pub fn start(turns: Vec<Turn>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            turns,
            asked: Mutex::default(),
            answered: AtomicUsize::new(0),
            door: Mutex::default(),
            opened: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if *lock(&serving.door) == Door::Closed {
                    return;
                }
                let shared = Arc::clone(&serving);
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Ok(Self { address, shared })
    }

    /// Returns the base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Returns how many requests reached it.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.shared.asked).len()
    }

    /// Returns the bodies of the requests, in the order in which they came.
    #[must_use]
    pub fn asked(&self) -> Vec<Value> {
        lock(&self.shared.asked).clone()
    }

    /// Lets everybody go on who hangs.
    pub fn release(&self) {
        self.set(Door::Released);
    }

    fn set(&self, door: Door) {
        *lock(&self.shared.door) = door;
        self.shared.opened.notify_all();
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.set(Door::Closed);
        // The listener looks at the door when somebody comes.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn turn(&self, nth: usize) -> Turn {
        let turn = self.turns.get(nth).or_else(|| self.turns.last());
        turn.cloned().unwrap_or(Turn::Refuses { status: 500, retry_after: None })
    }

    /// Waits until those who hang may go on; says whether there is still somebody to answer for.
    fn wait(&self) -> bool {
        let mut door = lock(&self.door);
        while *door == Door::Held {
            door = self.opened.wait(door).unwrap_or_else(PoisonError::into_inner);
        }
        *door == Door::Released
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers every request of one connection.
fn serve(stream: &TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = read(&mut reader) {
        lock(&shared.asked).push(body);
        let mut nth = shared.answered.fetch_add(1, Ordering::SeqCst);
        let mut turn = shared.turn(nth);
        if matches!(turn, Turn::Hangs) {
            if !shared.wait() {
                return;
            }
            nth += 1;
            turn = shared.turn(nth);
        }
        let whole = !matches!(turn, Turn::Breaks | Turn::Hangs);
        let mut out = stream;
        if out.write_all(answer(&turn).as_bytes()).is_err() || !whole {
            return;
        }
    }
}

/// Reads the body of the next request; nothing when the other side hung up.
fn read(reader: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn answer(turn: &Turn) -> String {
    match turn {
        Turn::Says { text, input, cached, output } => {
            let usage = json!({
                "prompt_tokens": input,
                "completion_tokens": output,
                "prompt_tokens_details": { "cached_tokens": cached },
            });
            let events = [
                json!({ "model": "served", "choices": [{ "index": 0, "delta": { "content": text } }] }),
                json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
                json!({ "choices": [], "usage": usage }),
            ];
            let lines: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
            response(200, "text/event-stream", "", &format!("{lines}data: [DONE]\n\n"))
        }
        Turn::Refuses { status, retry_after } => {
            let wait = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n"));
            let body = json!({ "error": { "message": "told to refuse" } }).to_string();
            response(*status, "application/json", &wait.unwrap_or_default(), &body)
        }
        Turn::Breaks | Turn::Hangs => {
            "HTTP/1.1 200 Told\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
             data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"it beg\"}}]}\n\n"
                .to_owned()
        }
    }
}

fn response(status: u16, kind: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Told\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}
