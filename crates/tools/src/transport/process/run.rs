//! One call: a folder, a sandbox, its output, and nothing left of either.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
};

use mainstay_core::tool::{ToolCall, ToolFailure, gate::MOST_BYTES};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

use super::jail::{NOT_STARTED, Order, VERB};

/// At most so many bytes of what a command complains are told.
const COMPLAINT: usize = 600;

/// A command that ends with this refuses the call: it did nothing (`EX_USAGE`).
const REFUSED: i32 = 64;

/// A command that ends with this could not do it now: it did nothing (`EX_TEMPFAIL`).
const UNAVAILABLE: i32 = 75;

/// A folder of one call, gone with it.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(call: &ToolCall) -> Result<Self, ToolFailure> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mainstay-tool-{}-{}-{number}", std::process::id(), call.run_id);
        let path = std::env::temp_dir().join(name);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map(|()| Self(path)).map_err(|error| not_started(&error))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own upkeep of such folders.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A sandbox with everything that it started: ended when this is dropped.
struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // It may have ended by itself.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

fn not_started(error: &io::Error) -> ToolFailure {
    ToolFailure::unavailable(format!("the command was not started: {error}"))
}

/// Runs a command and returns what it wrote. Dropping the future ends it.
pub(super) async fn run(
    sandbox: &Path,
    order: &Order,
    arguments: &Value,
) -> Result<Vec<u8>, ToolFailure> {
    let mut command = Command::new(sandbox);
    command.arg(VERB).arg(serde_json::to_string(order)?).env_clear().current_dir(&order.folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.process_group(0).kill_on_drop(true).spawn();
    let child = child.map_err(|error| not_started(&error))?;
    let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let mut group = Group { child, leader };
    let (stdin, stdout, stderr) =
        (group.child.stdin.take(), group.child.stdout.take(), group.child.stderr.take());
    let input = arguments.to_string();
    let write = async {
        if let Some(mut stdin) = stdin {
            // A command may end without reading what it does not need.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        Ok(())
    };
    let (output, complaint, ()) =
        tokio::try_join!(read(stdout, MOST_BYTES), complaint(stderr), write)?;
    let status = group.child.wait().await.map_err(|error| lost(&error))?;
    match status.code() {
        Some(0) => Ok(output),
        Some(REFUSED) => {
            Err(ToolFailure::refused(told("the command refused the call", &complaint)))
        }
        Some(UNAVAILABLE) => {
            Err(ToolFailure::unavailable(told("the command cannot do it now", &complaint)))
        }
        Some(code) if code == i32::from(NOT_STARTED) => {
            Err(ToolFailure::new(told("the sandbox failed", &complaint)))
        }
        Some(code) => {
            Err(ToolFailure::new(told(&format!("the command ended with {code}"), &complaint)))
        }
        None => {
            Err(ToolFailure::new(told(&format!("the command was ended: {status}"), &complaint)))
        }
    }
}

fn lost(error: &io::Error) -> ToolFailure {
    ToolFailure::new(format!("the command's output was lost: {error}"))
}

fn told(what: &str, complaint: &str) -> String {
    if complaint.is_empty() { what.to_owned() } else { format!("{what}: {complaint}") }
}

/// Reads everything, and at most so many bytes: a part would be another result.
async fn read(from: Option<impl AsyncRead + Unpin>, most: usize) -> Result<Vec<u8>, ToolFailure> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let mut some = from.take(most as u64 + 1);
        some.read_to_end(&mut bytes).await.map_err(|error| lost(&error))?;
    }
    if bytes.len() > most {
        let why = format!("the result was rejected: it is larger than {most} bytes");
        return Err(ToolFailure::new(why));
    }
    Ok(bytes)
}

/// Reads all of what a command complains, and keeps the beginning.
async fn complaint(from: Option<impl AsyncRead + Unpin>) -> Result<String, ToolFailure> {
    let Some(mut from) = from else { return Ok(String::new()) };
    let (mut kept, mut some) = (Vec::new(), [0; 1_024]);
    loop {
        let read = from.read(&mut some).await.map_err(|error| lost(&error))?;
        let room = COMPLAINT.saturating_sub(kept.len());
        kept.extend(some.iter().take(read.min(room)));
        if read == 0 {
            return Ok(String::from_utf8_lossy(&kept).trim().to_owned());
        }
    }
}
