//! Delivering an answer as a vendor would: in pieces, cut at the limit, with its usage.

use std::time::Duration;

use mainstay_core::model::{
    CallContext, FinishReason, ModelFailure, ModelReply, ModelRequest, StreamEvent, StreamSink,
    ToolCall, Usage,
};
use serde_json::Value;

use super::{
    fault,
    file::{FaultFile, UsageFile},
};
use crate::tokens;

/// How long a call waits for a vendor that says nothing, when nobody set a deadline.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tool call whose placeholders are filled.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Value,
}

/// What a rule answers to one request.
#[derive(Debug)]
pub(super) struct Answer<'s> {
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    pub(super) finish: FinishReason,
    pub(super) usage: UsageFile,
    pub(super) latency: Duration,
    pub(super) faults: &'s [FaultFile],
}

impl Answer<'_> {
    /// Streams the whole answer and returns it.
    pub(super) fn delivered(self, request: &ModelRequest, sink: &dyn StreamSink) -> ModelReply {
        let reply = self.reply(request);
        for piece in pieces(&reply.text) {
            sink.event(StreamEvent::TextDelta { text: piece.to_owned() });
        }
        for (index, call) in (0_u32..).zip(&reply.tool_calls) {
            sink.event(StreamEvent::ToolCallDelta {
                index,
                id: Some(call.id.clone()),
                name: Some(call.name.clone()),
                arguments: call.arguments.to_string(),
            });
        }
        sink.event(StreamEvent::Usage { usage: reply.usage });
        sink.event(StreamEvent::Finished { finish: reply.finish });
        reply
    }

    /// Lets `fault` strike, after half the text where it strikes midway.
    pub(super) fn interrupted(
        self,
        request: &ModelRequest,
        context: &CallContext,
        sink: &dyn StreamSink,
        struck: &FaultFile,
    ) -> Result<ModelReply, ModelFailure> {
        let Some(failure) = fault::failure(struck, context.deadline.unwrap_or(PATIENCE)) else {
            let reply = self.delivered(request, sink);
            let (input, output) = (reply.usage.input_tokens, reply.usage.output_tokens);
            return Ok(ModelReply { usage: Usage::estimated(input, output), ..reply });
        };
        if fault::strikes_midway(struck) {
            let reply = self.reply(request);
            for piece in pieces(&reply.text).take(pieces(&reply.text).count() / 2) {
                sink.event(StreamEvent::TextDelta { text: piece.to_owned() });
            }
        }
        Err(failure)
    }

    fn reply(&self, request: &ModelRequest) -> ModelReply {
        let limit = u64::from(request.max_output_tokens);
        let wanted = self.usage.output_tokens.unwrap_or_else(|| self.rough_output());
        let cut = wanted > limit;
        let text = if cut { share(&self.text, limit, wanted) } else { self.text.clone() };
        let usage = Usage {
            cached_input_tokens: self.usage.cached_input_tokens,
            reasoning_tokens: self.usage.reasoning_tokens.min(limit),
            ..Usage::reported(
                self.usage.input_tokens.unwrap_or_else(|| tokens::rough(request)),
                wanted.min(limit),
            )
        };
        ModelReply {
            model: request.model.to_string(),
            text,
            tool_calls: if cut { Vec::new() } else { self.tool_calls(request) },
            json: None,
            usage,
            finish: if cut { FinishReason::Length } else { self.finish },
            cost: None,
        }
    }

    fn rough_output(&self) -> u64 {
        let calls =
            self.calls.iter().map(|call| tokens::rough_text(&call.arguments.to_string()) + 8);
        tokens::rough_text(&self.text) + calls.sum::<u64>()
    }

    fn tool_calls(&self, request: &ModelRequest) -> Vec<ToolCall> {
        let digest = request.digest().short();
        let numbered = self.calls.iter().enumerate().map(|(i, call)| ToolCall {
            id: format!("call_{digest}_{i}"),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
        });
        numbered.collect()
    }
}

/// The first `part` of `whole` parts of a text.
fn share(text: &str, part: u64, whole: u64) -> String {
    let length = text.chars().count() as u128 * u128::from(part) / u128::from(whole.max(1));
    text.chars().take(usize::try_from(length).unwrap_or(usize::MAX)).collect()
}

/// A text word by word, each with the space that follows it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}
