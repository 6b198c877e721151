//! What a server writes to its standard error: bounded, and logged at debug.

use mainstay_core::{secret::Scrub, visible::visible};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::ChildStderr,
};

/// At most so many characters of a line are logged.
const LOGGED: usize = 1_024;

/// At most so many bytes of a line are kept until its end.
const KEPT: usize = 64 << 10;

/// Logs a server's complaints until it ends. What it was given in secret is not repeated.
pub(super) async fn log(server: String, errors: ChildStderr, scrub: Scrub) {
    lines(errors, |line| {
        tracing::debug!(server, line = visible(&logged(line, &scrub)), "mcp stderr");
    })
    .await;
}

/// Returns what is logged of a line: shortened after it was searched, for a part of a secret is not
/// recognised.
fn logged(line: &[u8], scrub: &Scrub) -> String {
    let whole = if line.len() < KEPT { line.len() } else { scrub.settled(line) };
    let line = scrub.bytes(line.get(..whole).unwrap_or_default());
    String::from_utf8_lossy(&line).chars().take(LOGGED).collect()
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
                byte if line.len() < KEPT => line.push(*byte),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::secret::Secret;

    use super::*;

    #[tokio::test]
    async fn a_line_without_end_takes_no_memory() {
        let flood = [vec![b'x'; 100_000], b"\nnext\n".to_vec()].concat();
        let mut seen = Vec::new();
        lines(flood.as_slice(), |line| seen.push(line.len())).await;
        assert_eq!(seen, [KEPT, 4]);
    }

    #[test]
    fn a_secret_at_the_end_of_what_is_logged_or_kept_is_not_cut_in_two() {
        // Long enough that what is kept of a line holds a few of them, and the beginning of one.
        let secret: String = (0..3_000).map(|n| n.to_string()).collect();
        let mut scrub = Scrub::default();
        scrub.add_as("[secret:x]", &Secret::new(secret.as_str())).unwrap();
        let over = |before: usize| format!("{}{secret}", "x".repeat(before));
        let said = logged(over(LOGGED - 10).as_bytes(), &scrub);
        assert!(said.ends_with("x[secret:x]"), "{said}");
        let many = format!("xxxxx{}", secret.repeat(9));
        let said = logged(many.as_bytes().get(..KEPT).unwrap(), &scrub);
        let short = said.replace("[secret:x]", "");
        assert_eq!(short, "xxxxx", "nothing of it is left");
    }
}
