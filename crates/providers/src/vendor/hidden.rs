//! The key in what a vendor says: it is taken out of answers, of failures and of the pieces of a
//! stream before anybody sees them.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use mainstay_core::{
    model::{ModelFailure, ModelReply, StreamEvent, StreamSink, ToolCall},
    secret::Scrub,
};

/// Returns what came of a call without the key.
pub(super) fn of(
    answer: Result<ModelReply, ModelFailure>,
    scrub: &Scrub,
) -> Result<ModelReply, ModelFailure> {
    match answer {
        Ok(reply) => Ok(ModelReply {
            model: scrub.text(&reply.model),
            text: scrub.json(&reply.text),
            tool_calls: reply.tool_calls.into_iter().map(|call| of_call(call, scrub)).collect(),
            reasoning: reply.reasoning.map(|text| scrub.text(&text)),
            json: reply.json.map(|value| scrub.value(value)),
            ..reply
        }),
        Err(failure) => Err(of_failure(failure, scrub)),
    }
}

fn of_call(call: ToolCall, scrub: &Scrub) -> ToolCall {
    ToolCall {
        id: scrub.text(&call.id),
        name: scrub.text(&call.name),
        arguments: scrub.value(call.arguments),
        malformed: call.malformed.map(|text| scrub.text(&text)),
    }
}

fn of_failure(mut failure: ModelFailure, scrub: &Scrub) -> ModelFailure {
    match &mut failure {
        ModelFailure::Unavailable { message, .. }
        | ModelFailure::RateLimited { message, .. }
        | ModelFailure::Refused { message, .. }
        | ModelFailure::Malformed { message } => *message = scrub.text(message),
        ModelFailure::Truncated
        | ModelFailure::TimedOut { .. }
        | ModelFailure::Schema { .. }
        | ModelFailure::Unknown { .. }
        | ModelFailure::Unpriced { .. }
        | ModelFailure::NoRule { .. }
        | ModelFailure::NotRecorded { .. }
        | ModelFailure::Recorded { .. } => {}
    }
    failure
}

/// Which of the texts of an answer a piece belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Text,
    Thinking,
    Call(u32),
}

/// Hands pieces on without the key, also where it lies across several of them.
pub(super) struct Hiding<'a> {
    sink: &'a dyn StreamSink,
    scrub: &'a Scrub,
    /// What may be the beginning of the key, until more comes.
    held: Mutex<BTreeMap<Of, String>>,
}

impl<'a> Hiding<'a> {
    pub(super) fn new(sink: &'a dyn StreamSink, scrub: &'a Scrub) -> Self {
        Self { sink, scrub, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Of, String>> {
        // Each change is whole before anything in it could panic.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what can be told of a text now.
    fn more(&self, of: Of, piece: &str) -> String {
        let mut held = self.held();
        let text = held.entry(of).or_default();
        text.push_str(piece);
        let later = text.split_off(self.scrub.settled(text.as_bytes()));
        self.scrub.text(&mem::replace(text, later))
    }

    /// Tells what was held back: nothing more comes.
    fn rest(&self) {
        for (of, text) in mem::take(&mut *self.held()) {
            self.tell(of, self.scrub.text(&text));
        }
    }

    fn tell(&self, of: Of, text: String) {
        if text.is_empty() {
            return;
        }
        self.sink.event(match of {
            Of::Text => StreamEvent::TextDelta { text },
            Of::Thinking => StreamEvent::ThinkingDelta { text },
            Of::Call(index) => {
                StreamEvent::ToolCallDelta { index, id: None, name: None, arguments: text }
            }
        });
    }
}

impl StreamSink for Hiding<'_> {
    fn event(&self, event: StreamEvent) {
        match event {
            StreamEvent::TextDelta { text } => self.tell(Of::Text, self.more(Of::Text, &text)),
            StreamEvent::ThinkingDelta { text } => {
                self.tell(Of::Thinking, self.more(Of::Thinking, &text));
            }
            StreamEvent::ToolCallDelta { index, id, name, arguments } => {
                let clean = |text: Option<String>| text.map(|text| self.scrub.text(&text));
                let arguments = self.more(Of::Call(index), &arguments);
                let (id, name) = (clean(id), clean(name));
                if id.is_some() || name.is_some() || !arguments.is_empty() {
                    self.sink.event(StreamEvent::ToolCallDelta { index, id, name, arguments });
                }
            }
            StreamEvent::Finished { .. } => {
                self.rest();
                self.sink.event(event);
            }
            StreamEvent::Usage { .. } => self.sink.event(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::secret::Secret;

    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<StreamEvent>>);

    impl StreamSink for Told {
        fn event(&self, event: StreamEvent) {
            self.0.lock().unwrap().push(event);
        }
    }

    #[test]
    fn a_key_in_pieces_is_hidden_and_nothing_else_is_lost() {
        let mut scrub = Scrub::default();
        scrub.add_as("[key]", &Secret::new("sk-canary-4711")).unwrap();
        let told = Told::default();
        let hiding = Hiding::new(&told, &scrub);
        for piece in ["your key is sk-", "can", "ary-4711", ", or s", "k-can"] {
            hiding.event(StreamEvent::TextDelta { text: piece.to_owned() });
            hiding.event(StreamEvent::ToolCallDelta {
                index: 1,
                id: None,
                name: None,
                arguments: piece.to_owned(),
            });
        }
        let finish = mainstay_core::model::FinishReason::Stop;
        hiding.event(StreamEvent::Finished { finish });
        let (mut text, mut call) = (String::new(), String::new());
        for event in told.0.lock().unwrap().iter() {
            match event {
                StreamEvent::TextDelta { text: piece } => text.push_str(piece),
                StreamEvent::ToolCallDelta { arguments, .. } => call.push_str(arguments),
                StreamEvent::Finished { .. } => {}
                StreamEvent::ThinkingDelta { .. } | StreamEvent::Usage { .. } => {
                    panic!("{event:?}")
                }
            }
        }
        assert_eq!(text, "your key is [key], or sk-can");
        assert_eq!(call, text);
    }
}
