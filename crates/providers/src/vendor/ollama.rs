//! Ollama's own chat, one JSON value a line.
//!
//! It cannot be made to call a tool: of a tool that must be called, only that one is offered, and
//! where none may be called, none is. It has no content filter, and tells neither what came from a
//! cache nor what went into thinking.

use mainstay_core::model::{
    FinishReason, Message, ModelFailure, ModelId, ModelRequest, Part, Role, ToolChoice, ToolOffer,
    Usage,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    assembly::Assembly,
    dialect::{Dialect, Flow, Outgoing, Reader, key_header, parse, unknown_finish},
    endpoint::Endpoint,
    frames::{Framing, malformed},
    refusal,
    sse::Event,
};

/// The dialect.
pub(super) struct Ollama;

impl Dialect for Ollama {
    fn request(&self, endpoint: &Endpoint, model: &ModelId, request: &ModelRequest) -> Outgoing {
        let tools = tools(request);
        let fields = [
            ("model", Some(json!(model.name()))),
            ("stream", Some(json!(true))),
            ("messages", Some(messages(request))),
            ("options", Some(options(request))),
            ("tools", (!tools.is_empty()).then(|| json!(tools))),
            ("format", request.output.as_ref().map(|output| output.schema.clone())),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Outgoing {
            url: endpoint.at("api/chat"),
            headers: key_header(endpoint, "authorization", "Bearer "),
            body: Value::Object(given.collect()),
        }
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Lines)
    }
}

fn options(request: &ModelRequest) -> Value {
    let options = [
        ("num_predict", Some(json!(request.max_output_tokens))),
        ("temperature", request.temperature.map(|temperature| json!(temperature.value()))),
        ("seed", request.seed.map(|seed| json!(seed))),
        ("stop", (!request.stop.is_empty()).then(|| json!(request.stop))),
    ];
    let given = options.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect())
}

fn messages(request: &ModelRequest) -> Value {
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
                "function": {"name": call.name, "arguments": call.shown_arguments()},
            })),
            Part::ToolResult(result) => results.push(json!({
                "role": "tool",
                "tool_name": result.name,
                "tool_call_id": result.call_id,
                "content": result.content,
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
            vec![json!({"role": "assistant", "content": content, "tool_calls": calls})]
        }
        Role::Tool => results,
    }
}

fn tools(request: &ModelRequest) -> Vec<Value> {
    let offered = |tool: &&ToolOffer| match &request.tool_choice {
        ToolChoice::Auto | ToolChoice::Required => true,
        ToolChoice::Never => false,
        ToolChoice::Tool(name) => *name == tool.name,
    };
    let tools = request.tools.iter().filter(offered).map(|tool| {
        json!({"type": "function", "function": {
            "name": tool.name, "description": tool.description, "parameters": tool.schema,
        }})
    });
    tools.collect()
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    message: Said,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    done_reason: Option<String>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
    #[serde(default)]
    eval_count: Option<u64>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    content: String,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    tool_calls: Vec<Called>,
}

#[derive(Deserialize)]
struct Called {
    #[serde(default)]
    id: Option<String>,
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    arguments: Value,
}

struct Lines;

impl Reader for Lines {
    fn read(&mut self, event: &Event, assembly: &mut Assembly<'_>) -> Result<Flow, ModelFailure> {
        let line: Line = parse(&event.data)?;
        if let Some(error) = line.error {
            return Err(broken(error));
        }
        assembly.model(line.model.as_deref().unwrap_or_default());
        assembly.thinking(line.message.thinking.as_deref().unwrap_or_default());
        assembly.text(&line.message.content);
        for call in line.message.tool_calls {
            read_call(&call, assembly)?;
        }
        if !line.done {
            return Ok(Flow::More);
        }
        // A prompt that was there already is not counted by all versions: then nothing is said.
        if line.prompt_eval_count.is_some() || line.eval_count.is_some() {
            let (input, output) = (line.prompt_eval_count, line.eval_count);
            assembly.usage(Usage::reported(input.unwrap_or(0), output.unwrap_or(0)));
        }
        assembly.finish(finish(line.done_reason.as_deref().unwrap_or("stop"))?);
        Ok(Flow::Done)
    }
}

/// They give a call whole, and older versions give it no id. Arguments are an object; what some
/// imitators send is its text.
fn read_call(call: &Called, assembly: &mut Assembly<'_>) -> Result<(), ModelFailure> {
    let position = assembly.calls();
    let arguments = match &call.function.arguments {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            value.to_string()
        }
    };
    let id = call.id.as_deref().unwrap_or_default();
    assembly.call(position, id, &call.function.name, &arguments)
}

fn finish(reason: &str) -> Result<FinishReason, ModelFailure> {
    match reason {
        "stop" => Ok(FinishReason::Stop),
        "length" => Ok(FinishReason::Length),
        // Includes `load` and `unload`, which answer a request that asks nothing.
        other => Err(unknown_finish(other)),
    }
}

/// An error in the middle of a stream that began with 200. What the model wrote as a call and they
/// could not read comes as one, too: that is no trouble of the server's.
fn broken(message: String) -> ModelFailure {
    if message.starts_with("error parsing tool call") {
        return malformed(&message);
    }
    refusal::midway(500, message)
}
