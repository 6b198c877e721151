//! Anthropic's messages.

use mainstay_core::model::{
    FinishReason, Message, ModelFailure, ModelId, ModelRequest, Part, Role, ToolChoice, Usage,
    UsageSource,
};
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    assembly::Assembly,
    dialect::{Dialect, Flow, Outgoing, Reader, key_header, parse, unknown_finish},
    endpoint::Endpoint,
    refusal,
    sse::Event,
};

const VERSION: &str = "2023-06-01";

/// The dialect.
pub(super) struct Anthropic;

impl Dialect for Anthropic {
    fn request(&self, endpoint: &Endpoint, model: &ModelId, request: &ModelRequest) -> Outgoing {
        let mut body = json!({
            "model": model.name(),
            "stream": true,
            "max_tokens": request.max_output_tokens,
            "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
        });
        let mut set = |name: &str, value: Value| {
            if let Some(fields) = body.as_object_mut() {
                fields.insert(name.to_owned(), value);
            }
        };
        if let Some(system) = system(request) {
            set("system", Value::String(system));
        }
        if let Some(temperature) = request.temperature {
            // Their scale ends at 1.
            set("temperature", json!(temperature.value().min(1.0)));
        }
        if !request.stop.is_empty() {
            set("stop_sequences", json!(request.stop));
        }
        if !request.tools.is_empty() {
            set("tools", tools(request));
            set("tool_choice", tool_choice(&request.tool_choice));
        }
        let mut headers = key_header(endpoint, "x-api-key", "");
        let version = HeaderName::from_static("anthropic-version");
        headers.insert(version, HeaderValue::from_static(VERSION));
        Outgoing { url: endpoint.at("v1/messages"), headers, body }
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Blocks::default())
    }
}

/// Not every model of theirs takes a schema as a parameter, so it is part of the instructions; the
/// answer is checked here in any case.
fn system(request: &ModelRequest) -> Option<String> {
    let schema = request.output.as_ref().map(|output| {
        format!(
            "Answer with one JSON value and nothing else. It must fit this JSON Schema:\n{}",
            output.schema
        )
    });
    let parts: Vec<_> = request.system.iter().cloned().chain(schema).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

fn message(message: &Message) -> Value {
    let role = match message.role {
        Role::Assistant => "assistant",
        Role::User | Role::Tool => "user",
    };
    let content: Vec<_> = message.parts.iter().map(part).collect();
    json!({"role": role, "content": content})
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text { text } => json!({"type": "text", "text": text}),
        Part::ToolCall(call) => json!({
            "type": "tool_use", "id": call.id, "name": call.name, "input": call.shown_arguments(),
        }),
        Part::ToolResult(result) => json!({
            "type": "tool_result",
            "tool_use_id": result.call_id,
            "content": result.content,
            "is_error": result.is_error,
        }),
    }
}

fn tools(request: &ModelRequest) -> Value {
    let tools = request.tools.iter().map(|tool| {
        json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema})
    });
    tools.collect()
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!({"type": "auto"}),
        ToolChoice::Never => json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Tool(name) => json!({"type": "tool", "name": name}),
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece {
    MessageStart {
        message: Start,
    },
    ContentBlockStart {
        index: usize,
        content_block: Block,
    },
    ContentBlockDelta {
        index: usize,
        delta: Delta,
    },
    MessageDelta {
        delta: End,
        #[serde(default)]
        usage: ReportedUsage,
    },
    MessageStop,
    Error {
        error: Value,
    },
    /// Pings, ends of blocks, and whatever else they add: their documentation asks to ignore it.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Start {
    model: String,
    #[serde(default)]
    usage: ReportedUsage,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: String,
    },
    ToolUse {
        id: String,
        name: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: String },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: String },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct End {
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct ReportedUsage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
}

impl ReportedUsage {
    fn says_nothing(&self) -> bool {
        self.input_tokens.is_none() && self.output_tokens.is_none()
    }

    /// Later counts are totals, not additions; a number that is left out has not changed. Their
    /// input does not include what came from the cache or went into it.
    fn after(&self, before: Usage) -> Usage {
        let cached = self.cache_read_input_tokens.unwrap_or(before.cached_input_tokens);
        let written = self.cache_creation_input_tokens.unwrap_or(0);
        let input = self.input_tokens.map(|fresh| fresh + cached + written);
        Usage {
            input_tokens: input.unwrap_or(before.input_tokens).max(before.input_tokens),
            output_tokens: self.output_tokens.unwrap_or(before.output_tokens),
            cached_input_tokens: cached,
            reasoning_tokens: 0,
            source: UsageSource::Reported,
        }
    }
}

/// Blocks of all kinds are numbered together; tool calls are counted on their own.
#[derive(Default)]
struct Blocks {
    calls: Vec<usize>,
}

impl Reader for Blocks {
    fn read(&mut self, event: &Event, assembly: &mut Assembly<'_>) -> Result<Flow, ModelFailure> {
        match parse(&event.data)? {
            Piece::MessageStart { message } => {
                assembly.model(&message.model);
                count(&message.usage, assembly);
            }
            Piece::ContentBlockStart { index, content_block } => {
                self.start(index, content_block, assembly)?;
            }
            Piece::ContentBlockDelta { index, delta } => self.delta(index, delta, assembly)?,
            Piece::MessageDelta { delta, usage } => {
                count(&usage, assembly);
                if let Some(reason) = delta.stop_reason {
                    assembly.finish(finish(&reason)?);
                }
            }
            Piece::MessageStop if assembly.is_finished() => return Ok(Flow::Done),
            Piece::Error { error } => return Err(refusal::inside(&error)),
            Piece::MessageStop | Piece::Other => {}
        }
        Ok(Flow::More)
    }
}

impl Blocks {
    fn start(
        &mut self,
        index: usize,
        block: Block,
        assembly: &mut Assembly<'_>,
    ) -> Result<(), ModelFailure> {
        match block {
            Block::Text { text } => assembly.text(&text),
            Block::ToolUse { id, name } => {
                assembly.call(self.calls.len(), &id, &name, "")?;
                self.calls.push(index);
            }
            Block::Other => {}
        }
        Ok(())
    }

    fn delta(
        &mut self,
        index: usize,
        delta: Delta,
        assembly: &mut Assembly<'_>,
    ) -> Result<(), ModelFailure> {
        match delta {
            Delta::Text { text } => assembly.text(&text),
            Delta::Thinking { thinking } => assembly.thinking(&thinking),
            Delta::Input { partial_json } => {
                let call = self.calls.iter().position(|block| *block == index);
                let call = call.ok_or_else(|| ModelFailure::Malformed {
                    message: format!("arguments for block {index}, which is no tool call"),
                })?;
                assembly.call(call, "", "", &partial_json)?;
            }
            Delta::Other => {}
        }
        Ok(())
    }
}

fn count(usage: &ReportedUsage, assembly: &mut Assembly<'_>) {
    if !usage.says_nothing() {
        assembly.usage(usage.after(assembly.usage_so_far()));
    }
}

fn finish(reason: &str) -> Result<FinishReason, ModelFailure> {
    Ok(match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::Filtered,
        other => return Err(unknown_finish(other)),
    })
}
