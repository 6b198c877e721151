//! Delivering an answer as a vendor would: in pieces, cut at the limit, with its usage.

use std::time::Duration;

use mainstay_core::model::{
    CallContext, FinishReason, ModelFailure, ModelReply, ModelRequest, StreamSink, ToolCall, Usage,
};

use super::{
    fault,
    file::{FaultFile, ToolCallFile, UsageFile},
};
use crate::{delivery, tokens};

/// How long a call waits for a vendor that says nothing, when nobody set a deadline.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a rule answers to one request.
#[derive(Debug)]
pub(super) struct Answer<'s> {
    pub(super) text: String,
    pub(super) calls: Vec<ToolCallFile>,
    pub(super) reasoning: Option<&'s str>,
    pub(super) finish: FinishReason,
    pub(super) usage: UsageFile,
    pub(super) latency: Duration,
    pub(super) faults: &'s [FaultFile],
}

impl Answer<'_> {
    /// Streams the whole answer and returns it.
    pub(super) fn delivered(self, request: &ModelRequest, sink: &dyn StreamSink) -> ModelReply {
        let reply = self.reply(request);
        delivery::stream(&reply, sink);
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
            delivery::half(&reply, sink);
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
            reasoning: self.reasoning.map(str::to_owned),
            json: None,
            usage,
            finish: if cut { FinishReason::Length } else { self.finish },
            cost: None,
        }
    }

    fn rough_output(&self) -> u64 {
        let calls = self.calls.iter().map(|call| {
            let written = call.malformed.clone().unwrap_or_else(|| call.arguments.to_string());
            tokens::rough_text(&written) + 8
        });
        let thought = tokens::rough_text(self.reasoning.unwrap_or_default());
        tokens::rough_text(&self.text) + thought + calls.sum::<u64>()
    }

    fn tool_calls(&self, request: &ModelRequest) -> Vec<ToolCall> {
        let digest = request.digest().short();
        let numbered = self.calls.iter().enumerate().map(|(i, call)| {
            let call_id = format!("call_{digest}_{i}");
            let arguments = call.arguments.clone();
            let malformed = call.malformed.clone();
            ToolCall { malformed, ..ToolCall::new(call_id, &call.name, arguments) }
        });
        numbered.collect()
    }
}

/// The first `part` of `whole` parts of a text.
fn share(text: &str, part: u64, whole: u64) -> String {
    let length = text.chars().count() as u128 * u128::from(part) / u128::from(whole.max(1));
    text.chars().take(usize::try_from(length).unwrap_or(usize::MAX)).collect()
}
