//! Putting the pieces of an answer together, and saying whether it became whole.

use mainstay_core::model::{
    FinishReason, ModelFailure, ModelId, ModelReply, StreamEvent, StreamSink, ToolCall, Usage,
};
use serde::de::IgnoredAny;

use crate::tokens;

/// More tool calls than any model sensibly asks for at once.
const MAX_CALLS: usize = 128;

/// An answer under construction. Each piece goes on to the sink as it comes.
pub(super) struct Assembly<'s> {
    sink: &'s dyn StreamSink,
    model: Option<String>,
    text: String,
    thinking: String,
    calls: Vec<PartialCall>,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    declined: bool,
}

#[derive(Default)]
struct PartialCall {
    id: String,
    name: String,
    arguments: String,
}

impl<'s> Assembly<'s> {
    pub(super) fn new(sink: &'s dyn StreamSink) -> Self {
        Self {
            sink,
            model: None,
            text: String::new(),
            thinking: String::new(),
            calls: Vec::new(),
            usage: None,
            finish: None,
            declined: false,
        }
    }

    pub(super) fn model(&mut self, name: &str) {
        if self.model.is_none() && !name.is_empty() {
            self.model = Some(name.to_owned());
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.push_str(text);
            self.sink.event(StreamEvent::TextDelta { text: text.to_owned() });
        }
    }

    pub(super) fn thinking(&mut self, text: &str) {
        if !text.is_empty() {
            self.thinking.push_str(text);
            self.sink.event(StreamEvent::ThinkingDelta { text: text.to_owned() });
        }
    }

    /// Begins the call at `index` or goes on with it; an id or a name that is empty says nothing.
    pub(super) fn call(
        &mut self,
        index: usize,
        id: &str,
        name: &str,
        arguments: &str,
    ) -> Result<(), ModelFailure> {
        if index >= MAX_CALLS {
            return Err(malformed(format!("tool call number {index}")));
        }
        if index >= self.calls.len() {
            self.calls.resize_with(index + 1, PartialCall::default);
        }
        let Some(call) = self.calls.get_mut(index) else { return Ok(()) };
        for (known, new) in [(&mut call.id, id), (&mut call.name, name)] {
            if !new.is_empty() {
                new.clone_into(known);
            }
        }
        call.arguments.push_str(arguments);
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.sink.event(StreamEvent::ToolCallDelta {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            id: given(id),
            name: given(name),
            arguments: arguments.to_owned(),
        });
        Ok(())
    }

    /// Returns how many calls have begun.
    pub(super) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Takes the vendor's count so far; a later one replaces it.
    pub(super) fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
        self.sink.event(StreamEvent::Usage { usage });
    }

    /// Returns the vendor's count so far.
    pub(super) fn usage_so_far(&self) -> Usage {
        self.usage.unwrap_or_else(|| Usage::reported(0, 0))
    }

    /// Notes that the model, or a filter before it, declined: the vendor may end such an answer
    /// like any other.
    pub(super) fn declined(&mut self) {
        self.declined = true;
    }

    /// Takes the finish marker.
    pub(super) fn finish(&mut self, finish: FinishReason) {
        self.finish = Some(finish);
    }

    /// Returns whether the finish marker came.
    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Returns the reply, if the answer is whole. `estimate` counts the input; the output is
    /// counted from what came.
    pub(super) fn reply(
        self,
        model: &ModelId,
        estimate: Usage,
    ) -> Result<ModelReply, ModelFailure> {
        let output = self.estimated_output(model);
        let Some(finish) = self.finish else { return Err(ModelFailure::Truncated) };
        let finish = if self.declined { FinishReason::Filtered } else { finish };
        let cut = matches!(finish, FinishReason::Length | FinishReason::Filtered);
        // What was cut in two is no call; the finish reason tells.
        let whole = self.calls.into_iter().enumerate().filter(|(_, call)| !cut || call.is_whole());
        let read = whole.map(|(index, call)| call.read(index));
        let tool_calls = read.collect::<Result<Vec<_>, _>>()?;
        // Some servers end a forced tool call with `stop`.
        let called = finish == FinishReason::Stop && !tool_calls.is_empty();
        let finish = if called { FinishReason::ToolCalls } else { finish };
        self.sink.event(StreamEvent::Finished { finish });
        Ok(ModelReply {
            model: self.model.unwrap_or_else(|| model.name().to_owned()),
            text: self.text,
            tool_calls,
            reasoning: (!self.thinking.is_empty()).then_some(self.thinking),
            json: None,
            usage: Usage::settled(self.usage, Usage { output_tokens: output, ..estimate }),
            finish,
            cost: None,
        })
    }

    fn estimated_output(&self, model: &ModelId) -> u64 {
        let calls = self.calls.iter().map(|call| format!("{}{}", call.name, call.arguments));
        let all: String =
            [self.text.clone(), self.thinking.clone()].into_iter().chain(calls).collect();
        tokens::bound_text(model, &all)
    }
}

impl PartialCall {
    /// Whether there is JSON in it. That nothing came is no sign of being whole in an answer that
    /// was cut.
    fn is_whole(&self) -> bool {
        serde_json::from_str::<IgnoredAny>(&self.arguments).is_ok()
    }

    /// An id of our own stands in for one that the vendor does not give: it is unique in its
    /// answer, as far as any vendor's is.
    fn read(self, index: usize) -> Result<ToolCall, ModelFailure> {
        if self.name.is_empty() {
            return Err(malformed("a tool call without a name".to_owned()));
        }
        let id = if self.id.is_empty() { format!("call_{index}") } else { self.id };
        Ok(ToolCall::read(id, self.name, &self.arguments))
    }
}

fn malformed(message: String) -> ModelFailure {
    ModelFailure::Malformed { message }
}
