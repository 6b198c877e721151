//! OpenAI's chat completions, as spoken by OpenAI, Ollama, vLLM, llama.cpp and many gateways.

use mainstay_core::model::{
    FinishReason, Message, ModelFailure, ModelId, ModelRequest, Part, Role, ToolChoice, Usage,
    UsageSource,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    assembly::Assembly,
    dialect::{Dialect, Flow, Outgoing, Reader, key_header, parse, unknown_finish},
    endpoint::Endpoint,
    refusal,
    sse::Event,
};

/// The dialect, which differs in one word between OpenAI and the servers that imitate it.
pub(super) struct OpenAi {
    length_field: &'static str,
}

impl OpenAi {
    /// OpenAI's newer models know only `max_completion_tokens`, many imitators only `max_tokens`.
    pub(super) fn at(endpoint: &Endpoint) -> Self {
        let own = endpoint.base.host_str() == Some("api.openai.com");
        Self { length_field: if own { "max_completion_tokens" } else { "max_tokens" } }
    }
}

impl Dialect for OpenAi {
    fn request(&self, endpoint: &Endpoint, model: &ModelId, request: &ModelRequest) -> Outgoing {
        let mut body = json!({
            "model": model.name(),
            "stream": true,
            "stream_options": {"include_usage": true},
            "messages": messages(request),
            self.length_field: request.max_output_tokens,
        });
        let mut set = |name: &str, value: Value| {
            if let Some(fields) = body.as_object_mut() {
                fields.insert(name.to_owned(), value);
            }
        };
        if let Some(temperature) = request.temperature {
            set("temperature", json!(temperature.value()));
        }
        if let Some(seed) = request.seed {
            set("seed", json!(seed));
        }
        if !request.stop.is_empty() {
            set("stop", json!(request.stop));
        }
        if !request.tools.is_empty() {
            set("tools", tools(request));
            set("tool_choice", tool_choice(&request.tool_choice));
        }
        if let Some(output) = &request.output {
            let schema = json!({"name": output.name, "schema": output.schema});
            set("response_format", json!({"type": "json_schema", "json_schema": schema}));
        }
        Outgoing {
            url: endpoint.at("chat/completions"),
            headers: key_header(endpoint, "authorization", "Bearer "),
            body,
        }
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Chunks)
    }
}

fn messages(request: &ModelRequest) -> Vec<Value> {
    let system = request.system.iter().map(|text| json!({"role": "system", "content": text}));
    system.chain(request.messages.iter().flat_map(message)).collect()
}

fn message(message: &Message) -> Vec<Value> {
    let mut texts = Vec::new();
    let mut calls = Vec::new();
    let mut results = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text { text } => texts.push(text.as_str()),
            Part::ToolCall(call) => calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.shown_arguments().to_string()},
            })),
            Part::ToolResult(result) => results.push(json!({
                "role": "tool", "tool_call_id": result.call_id, "content": result.content,
            })),
        }
    }
    let content = texts.join("\n");
    match message.role {
        Role::User => vec![json!({"role": "user", "content": content})],
        Role::Assistant if calls.is_empty() => {
            vec![json!({"role": "assistant", "content": content})]
        }
        Role::Assistant => {
            let content = if content.is_empty() { Value::Null } else { Value::String(content) };
            vec![json!({"role": "assistant", "content": content, "tool_calls": calls})]
        }
        Role::Tool => results,
    }
}

fn tools(request: &ModelRequest) -> Value {
    let tools = request.tools.iter().map(|tool| {
        json!({"type": "function", "function": {
            "name": tool.name, "description": tool.description, "parameters": tool.schema,
        }})
    });
    tools.collect()
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::Never => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Tool(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<ReportedUsage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default, alias = "reasoning")]
    reasoning_content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: FunctionDelta,
}

#[derive(Default, Deserialize)]
struct FunctionDelta {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct ReportedUsage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl From<ReportedUsage> for Usage {
    fn from(reported: ReportedUsage) -> Self {
        let cached = reported.prompt_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning =
            reported.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        Self {
            input_tokens: reported.prompt_tokens,
            output_tokens: reported.completion_tokens,
            cached_input_tokens: cached.unwrap_or(0),
            reasoning_tokens: reasoning.unwrap_or(0),
            source: UsageSource::Reported,
        }
    }
}

struct Chunks;

impl Reader for Chunks {
    fn read(&mut self, event: &Event, assembly: &mut Assembly<'_>) -> Result<Flow, ModelFailure> {
        if event.data.trim() == "[DONE]" {
            return Ok(Flow::Done);
        }
        let chunk: Chunk = parse(&event.data)?;
        if let Some(error) = chunk.error {
            return Err(refusal::inside(&error));
        }
        assembly.model(chunk.model.as_deref().unwrap_or_default());
        // We ask for one choice, so the first is all there is.
        if let Some(choice) = chunk.choices.into_iter().next() {
            read_choice(choice, assembly)?;
        }
        if let Some(usage) = chunk.usage {
            assembly.usage(usage.into());
        }
        Ok(Flow::More)
    }
}

fn read_choice(choice: Choice, assembly: &mut Assembly<'_>) -> Result<(), ModelFailure> {
    let delta = choice.delta;
    assembly.thinking(delta.reasoning_content.as_deref().unwrap_or_default());
    assembly.text(delta.content.as_deref().unwrap_or_default());
    if let Some(refusal) = &delta.refusal {
        assembly.text(refusal);
        assembly.declined();
    }
    for (position, call) in delta.tool_calls.into_iter().flatten().enumerate() {
        assembly.call(
            call.index.unwrap_or(position),
            call.id.as_deref().unwrap_or_default(),
            call.function.name.as_deref().unwrap_or_default(),
            call.function.arguments.as_deref().unwrap_or_default(),
        )?;
    }
    let finish = match choice.finish_reason.as_deref() {
        None => return Ok(()),
        Some("stop") => FinishReason::Stop,
        Some("length") => FinishReason::Length,
        Some("tool_calls" | "function_call") => FinishReason::ToolCalls,
        Some("content_filter") => FinishReason::Filtered,
        Some(other) => return Err(unknown_finish(other)),
    };
    assembly.finish(finish);
    Ok(())
}
