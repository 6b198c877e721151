//! Server-sent events out of bytes that are cut anywhere, also within a character.

use std::mem;

use mainstay_core::model::ModelFailure;

use super::frames::{MAX_PIECE, malformed};

/// One event: its type (empty if none was given) and its data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) data: String,
}

/// Collects bytes into events, as the HTML standard's "interpreting an event stream" has it.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    after_return: bool,
    event: Event,
    has_data: bool,
}

impl Events {
    /// Takes bytes and returns the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, ModelFailure> {
        let mut events = Vec::new();
        for &byte in bytes {
            // CR LF is one line end, also when it is cut between the two.
            let second_half = byte == b'\n' && mem::take(&mut self.after_return);
            self.after_return = byte == b'\r';
            match byte {
                b'\n' if second_half => {}
                b'\n' | b'\r' => events.extend(self.end_line()?),
                _ => self.line.push(byte),
            }
        }
        if self.line.len() + self.event.data.len() > MAX_PIECE {
            return Err(malformed("an event has no end"));
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<Event>, ModelFailure> {
        let bytes = mem::take(&mut self.line);
        let line = str::from_utf8(&bytes).map_err(|_| malformed("not UTF-8"))?;
        if line.is_empty() {
            let event = mem::take(&mut self.event);
            return Ok(mem::take(&mut self.has_data).then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" if self.has_data => {
                self.event.data.push('\n');
                self.event.data.push_str(value);
            }
            "data" => {
                value.clone_into(&mut self.event.data);
                self.has_data = true;
            }
            "event" => value.clone_into(&mut self.event.kind),
            // Comments have an empty field name; `id` and `retry` mean nothing to us.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\r\n\r\nevent: ping\ndata: {}\n\ndata: größer\rdata:  zwei\r\rid: 7\n\ndata\n\ndata: cut";

    fn event(kind: &str, data: &str) -> Event {
        Event { kind: kind.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let expected = vec![event("ping", "{}"), event("", "größer\n zwei"), event("", "")];
        for size in 1..STREAM.len() {
            let mut events = Events::default();
            let read = STREAM.as_bytes().chunks(size).flat_map(|c| events.push(c).unwrap());
            assert_eq!(read.collect::<Vec<_>>(), expected, "cut every {size} bytes");
        }
    }

    #[test]
    fn bytes_that_are_no_text_and_events_without_end_are_malformed() {
        assert!(Events::default().push(b"data: \xff\n").is_err());
        assert!(Events::default().push(&vec![b'x'; MAX_PIECE + 1]).is_err());
    }
}
