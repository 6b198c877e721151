//! What a server writes to its standard error: bounded, and logged at debug.

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::ChildStderr,
};

use crate::secret::Scrub;

/// At most so many bytes of a line are logged.
const LOGGED: usize = 1_024;

/// Logs a server's complaints until it ends. What it was given in secret is not repeated.
pub(super) async fn log(server: String, errors: ChildStderr, scrub: Scrub) {
    lines(errors, |line| {
        let line = scrub.text(&String::from_utf8_lossy(line));
        tracing::debug!(server, line = mainstay_core::visible::visible(&line), "mcp stderr");
    })
    .await;
}

/// Hands on the beginning of each line.
async fn lines(mut from: impl AsyncRead + Unpin, mut hand_on: impl FnMut(&[u8])) {
    let mut chunk = vec![0; 8 << 10];
    let mut line = Vec::new();
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        for byte in chunk.iter().take(read) {
            match byte {
                b'\n' => {
                    hand_on(&line);
                    line.clear();
                }
                byte if line.len() < LOGGED => line.push(*byte),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_without_end_takes_no_memory() {
        let flood = [vec![b'x'; 100_000], b"\nnext\n".to_vec()].concat();
        let mut seen = Vec::new();
        lines(flood.as_slice(), |line| seen.push(line.len())).await;
        assert_eq!(seen, [LOGGED, 4]);
    }
}
