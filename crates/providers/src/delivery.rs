//! Streaming an answer that is there already as a vendor would: word by word.

use mainstay_core::model::{ModelReply, StreamEvent, StreamSink};

/// Streams a whole answer.
pub(crate) fn stream(reply: &ModelReply, sink: &dyn StreamSink) {
    for piece in pieces(reply.reasoning.as_deref().unwrap_or_default()) {
        sink.event(StreamEvent::ThinkingDelta { text: piece.to_owned() });
    }
    for piece in pieces(&reply.text) {
        sink.event(StreamEvent::TextDelta { text: piece.to_owned() });
    }
    for (index, call) in (0_u32..).zip(&reply.tool_calls) {
        sink.event(StreamEvent::ToolCallDelta {
            index,
            id: Some(call.id.clone()),
            name: Some(call.name.clone()),
            arguments: call.malformed.clone().unwrap_or_else(|| call.arguments.to_string()),
        });
    }
    sink.event(StreamEvent::Usage { usage: reply.usage });
    sink.event(StreamEvent::Finished { finish: reply.finish });
}

/// Streams the first half of an answer's text, as when something breaks in the middle.
pub(crate) fn half(reply: &ModelReply, sink: &dyn StreamSink) {
    for piece in pieces(&reply.text).take(pieces(&reply.text).count() / 2) {
        sink.event(StreamEvent::TextDelta { text: piece.to_owned() });
    }
}

/// A text word by word, each with the space that follows it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}
