//! How the pieces of a stream are told apart: server-sent events, or one JSON value a line.

use mainstay_core::model::ModelFailure;

use super::sse::{Event, Events};

/// More than any vendor sends in one piece; a server that sends more is broken or hostile.
pub(super) const MAX_PIECE: usize = 4 << 20;

/// The form of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `text/event-stream`.
    Events,
    /// `application/x-ndjson`.
    Lines,
}

impl Framing {
    /// Returns the media type that such a stream has.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }

    /// Returns what takes one stream apart.
    pub(super) fn frames(self) -> Frames {
        match self {
            Self::Events => Frames::Events(Events::default()),
            Self::Lines => Frames::Lines(Lines::default()),
        }
    }
}

/// Collects the bytes of one stream into its pieces.
#[derive(Debug)]
pub(super) enum Frames {
    Events(Events),
    Lines(Lines),
}

impl Frames {
    /// Takes bytes and returns the pieces that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, ModelFailure> {
        match self {
            Self::Events(events) => events.push(bytes),
            Self::Lines(lines) => lines.push(bytes),
        }
    }
}

/// Collects bytes into lines. An empty one says nothing; one without its end is none.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, ModelFailure> {
        self.0.extend_from_slice(bytes);
        let mut lines = Vec::new();
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            let text = str::from_utf8(&line).map_err(|_| malformed("not UTF-8"))?.trim();
            if !text.is_empty() {
                lines.push(Event { kind: String::new(), data: text.to_owned() });
            }
        }
        if self.0.len() > MAX_PIECE {
            return Err(malformed("a line has no end"));
        }
        Ok(lines)
    }
}

pub(super) fn malformed(message: &str) -> ModelFailure {
    ModelFailure::Malformed { message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "{\"a\":\"größer\"}\r\n\n{\"b\":2}\n{\"cut\"";

    #[test]
    fn lines_are_the_same_wherever_the_bytes_are_cut() {
        for size in 1..STREAM.len() {
            let mut lines = Lines::default();
            let read = STREAM.as_bytes().chunks(size).flat_map(|cut| lines.push(cut).unwrap());
            let texts: Vec<_> = read.map(|event| event.data).collect();
            assert_eq!(texts, ["{\"a\":\"größer\"}", "{\"b\":2}"], "cut every {size} bytes");
        }
    }

    #[test]
    fn bytes_that_are_no_text_and_lines_without_end_are_malformed() {
        assert!(Lines::default().push(b"\xff\n").is_err());
        assert!(Lines::default().push(&vec![b'x'; MAX_PIECE + 1]).is_err());
    }
}
