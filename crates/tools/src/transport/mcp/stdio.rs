//! A server as a child of this process: JSON-RPC, a message a line, over its standard streams.

use std::{
    borrow::Cow,
    io,
    process::Stdio,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use mainstay_core::secret::{Scrub, Secret};
use rmcp::{
    RoleClient,
    model::{ErrorCode, ErrorData, GetExtensions, JsonRpcMessage, RequestId, ServerNotification},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
    task::JoinHandle,
};

use super::{complaints, message, ticket::Ticket};

/// A line of standard output has at most so many bytes; a server that writes a longer one is ended.
pub(super) const LONGEST_LINE: usize = 4 << 20;

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// What a session's owner learns of its connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Signs {
    /// The server says that its tools changed.
    pub(super) stale: Arc<AtomicBool>,
    /// Why the connection was ended from here, if it was.
    pub(super) ended: Arc<OnceLock<String>>,
}

/// The connection to a child.
pub(super) struct Pipes {
    child: Child,
    group: Option<Pid>,
    input: Arc<Mutex<ChildStdin>>,
    output: ChildStdout,
    read: Vec<u8>,
    signs: Signs,
    scrub: Scrub,
    complaints: JoinHandle<()>,
}

impl Pipes {
    /// Starts a server with this environment and no other.
    pub(super) fn start(
        server: &str,
        argv: &[String],
        env: &[(String, Secret)],
        (signs, scrub): (Signs, Scrub),
    ) -> io::Result<Self> {
        let nothing = || io::Error::new(io::ErrorKind::InvalidInput, "the command is empty");
        let (program, arguments) = argv.split_first().ok_or_else(nothing)?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        command.envs(env.iter().map(|(name, value)| (name, value.expose())));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: what it starts is ended with it, and an interrupt of the terminal
        // does not reach it before the calls under way have ended.
        let mut child = command.kill_on_drop(true).process_group(0).spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let missing = || io::Error::other("a standard stream is missing");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        let errors = child.stderr.take().ok_or_else(missing)?;
        let complaints = tokio::spawn(complaints::log(server.to_owned(), errors, scrub.clone()));
        let input = Arc::new(Mutex::new(input));
        Ok(Self { child, group, input, output, read: Vec::new(), signs, scrub, complaints })
    }

    /// Returns the next whole line, or `None` at the end. Dropping the future loses nothing: what
    /// was read stays.
    async fn line(&mut self) -> Option<Vec<u8>> {
        let mut seen = 0;
        loop {
            let fresh = self.read.iter().skip(seen).position(|byte| *byte == b'\n');
            if let Some(end) = fresh {
                let rest = self.read.split_off(seen + end + 1);
                return Some(std::mem::replace(&mut self.read, rest));
            }
            seen = self.read.len();
            if seen > LONGEST_LINE {
                let _ = self.signs.ended.set(format!("it wrote a line over {LONGEST_LINE} bytes"));
                self.read = Vec::new();
                return None;
            }
            if read_more(&mut self.output, &mut self.read).await == 0 {
                return None;
            }
        }
    }

    fn end(&self) {
        if let Some(group) = self.group {
            // It may be gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads what is there, and returns how much; nothing at the end.
async fn read_more(from: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>) -> usize {
    into.reserve(CHUNK);
    from.read_buf(into).await.unwrap_or(0)
}

impl Drop for Pipes {
    fn drop(&mut self) {
        self.end();
        self.complaints.abort();
    }
}

/// Why a message was not written.
#[derive(Debug)]
pub(super) struct NotWritten(io::Error);

impl std::fmt::Display for NotWritten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the server does not read")
    }
}

impl std::error::Error for NotWritten {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Transport<RoleClient> for Pipes {
    type Error = NotWritten;

    fn name() -> Cow<'static, str> {
        "stdio".into()
    }

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), NotWritten>> + Send + 'static {
        let input = Arc::clone(&self.input);
        async move { write(&input, &message).await.map_err(NotWritten) }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let line = self.line().await?;
            let message = read(&line, &self.scrub);
            if let Some(message) = message.filter(|message| passes(message, &self.signs)) {
                return Some(message);
            }
            // A server that never pauses must not keep this thread to itself.
            tokio::task::yield_now().await;
        }
    }

    async fn close(&mut self) -> Result<(), NotWritten> {
        self.end();
        self.child.wait().await.map(drop).map_err(NotWritten)
    }
}

async fn write(
    input: &Mutex<ChildStdin>,
    message: &TxJsonRpcMessage<RoleClient>,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut input = input.lock().await;
    let ticket = ticket_of(message);
    if ticket.is_some_and(|ticket| !ticket.depart()) {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "its caller has gone"));
    }
    let mut written = 0;
    while let Some(rest) = line.get(written..).filter(|rest| !rest.is_empty()) {
        match input.write(rest).await {
            Ok(bytes) => written += bytes,
            Err(error) => {
                if let Some(ticket) = ticket.filter(|_| written == 0) {
                    ticket.stayed();
                }
                return Err(error);
            }
        }
    }
    input.flush().await
}

/// Returns the ticket of a message that is a call.
pub(super) fn ticket_of(message: &TxJsonRpcMessage<RoleClient>) -> Option<&Ticket> {
    match message {
        JsonRpcMessage::Request(request) => request.request.extensions().get::<Ticket>(),
        JsonRpcMessage::Response(_)
        | JsonRpcMessage::Notification(_)
        | JsonRpcMessage::Error(_) => None,
    }
}

/// An answer as far as it can be told from anything else.
#[derive(Deserialize)]
struct AnswerTo {
    id: RequestId,
    #[serde(default)]
    method: Option<String>,
}

/// Reads a line. What answers a request and cannot be read fails that request at once, instead of
/// letting it wait for its deadline; anything else that is no message is noise.
fn read(line: &[u8], scrub: &Scrub) -> Option<RxJsonRpcMessage<RoleClient>> {
    if let Ok(message) = message::read(line, scrub) {
        return Some(message);
    }
    let answer = message::read::<AnswerTo>(line, scrub).ok()?;
    if answer.method.is_some() {
        return None;
    }
    let error = ErrorData::new(ErrorCode::PARSE_ERROR, "the server's answer cannot be read", None);
    Some(JsonRpcMessage::error(error, Some(answer.id)))
}

/// Lets pass what somebody waits for. Of notifications that is little, so a flood ends here.
fn passes(message: &RxJsonRpcMessage<RoleClient>, signs: &Signs) -> bool {
    let JsonRpcMessage::Notification(notification) = message else { return true };
    if let ServerNotification::ToolListChangedNotification(_) = &notification.notification {
        return !signs.stale.swap(true, Ordering::AcqRel);
    }
    matches!(
        &notification.notification,
        ServerNotification::CancelledNotification(_)
            | ServerNotification::SubscriptionsAcknowledgedNotification(_)
    )
}
