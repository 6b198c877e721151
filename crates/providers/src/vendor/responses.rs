//! OpenAI's responses, as spoken by OpenAI and by servers that follow it.
//!
//! It knows neither a seed nor texts to stop at. A seed is a wish and is left out; a request with
//! `stop` is refused before it is sent, for its answer would be another one.

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
    frames::malformed,
    refusal,
    sse::Event,
};

/// The dialect.
pub(super) struct Responses;

impl Dialect for Responses {
    fn request(&self, endpoint: &Endpoint, model: &ModelId, request: &ModelRequest) -> Outgoing {
        let tools = (!request.tools.is_empty()).then(|| tools(request));
        let choice = tools.as_ref().map(|_| tool_choice(&request.tool_choice));
        let fields = [
            ("model", Some(json!(model.name()))),
            ("stream", Some(json!(true))),
            // What is asked is kept here, in the journal, and nowhere else.
            ("store", Some(json!(false))),
            ("max_output_tokens", Some(json!(request.max_output_tokens))),
            ("instructions", request.system.as_ref().map(|text| json!(text))),
            ("input", Some(request.messages.iter().flat_map(message).collect())),
            ("temperature", request.temperature.map(|temperature| json!(temperature.value()))),
            ("tools", tools),
            ("tool_choice", choice),
            ("text", request.output.as_ref().map(|_| json!({"format": format(request)}))),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Outgoing {
            url: endpoint.at("responses"),
            headers: key_header(endpoint, "authorization", "Bearer "),
            body: Value::Object(given.collect()),
        }
    }

    fn unsupported(&self, request: &ModelRequest) -> Option<&'static str> {
        (!request.stop.is_empty()).then_some(
            "OpenAI's responses know no texts to stop at; ask the vendor `openai` for this model",
        )
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Items::default())
    }
}

fn format(request: &ModelRequest) -> Option<Value> {
    let output = request.output.as_ref()?;
    Some(json!({
        "type": "json_schema", "name": output.name, "schema": output.schema, "strict": false,
    }))
}

/// A conversation is a list of items there, in which calls and their results stand on their own.
fn message(message: &Message) -> Vec<Value> {
    message.parts.iter().map(|part| item(message.role, part)).collect()
}

fn item(role: Role, part: &Part) -> Value {
    match part {
        Part::Text { text } => {
            let (role, kind) = match role {
                Role::Assistant => ("assistant", "output_text"),
                Role::User | Role::Tool => ("user", "input_text"),
            };
            json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
        }
        Part::ToolCall(call) => json!({
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.shown_arguments().to_string(),
        }),
        Part::ToolResult(result) => json!({
            "type": "function_call_output", "call_id": result.call_id, "output": result.content,
        }),
    }
}

/// Not strict: their strict form takes only a part of JSON Schema, and arguments are checked here.
fn tools(request: &ModelRequest) -> Value {
    let tools = request.tools.iter().map(|tool| {
        json!({
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.schema,
            "strict": false,
        })
    });
    tools.collect()
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::Never => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Tool(name) => json!({"type": "function", "name": name}),
    }
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Piece {
    #[serde(rename = "response.created")]
    Created { response: Response },
    #[serde(rename = "response.output_item.added")]
    Added { output_index: usize, item: Item },
    #[serde(rename = "response.output_item.done")]
    Done { output_index: usize, item: Item },
    #[serde(rename = "response.output_text.delta")]
    Text { delta: String },
    #[serde(rename = "response.refusal.delta")]
    Refusal { delta: String },
    #[serde(
        rename = "response.reasoning_summary_text.delta",
        alias = "response.reasoning_text.delta"
    )]
    Thinking { delta: String },
    #[serde(rename = "response.reasoning_summary_part.added")]
    ThinkingPart {
        #[serde(default)]
        summary_index: usize,
    },
    #[serde(rename = "response.function_call_arguments.delta")]
    Arguments { output_index: usize, delta: String },
    #[serde(rename = "response.completed")]
    Completed { response: Response },
    #[serde(rename = "response.incomplete")]
    Incomplete { response: Response },
    #[serde(rename = "response.failed")]
    Failed { response: Response },
    #[serde(rename = "error")]
    Error {
        #[serde(flatten)]
        error: Value,
    },
    /// Ends of parts, progress, and whatever else they add.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<ReportedUsage>,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Incomplete {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    FunctionCall {
        call_id: String,
        name: String,
        #[serde(default)]
        arguments: String,
    },
    /// Messages and thoughts come as deltas.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct ReportedUsage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl From<ReportedUsage> for Usage {
    fn from(reported: ReportedUsage) -> Self {
        let cached = reported.input_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning = reported.output_tokens_details.and_then(|details| details.reasoning_tokens);
        Self {
            input_tokens: reported.input_tokens,
            output_tokens: reported.output_tokens,
            cached_input_tokens: cached.unwrap_or(0),
            reasoning_tokens: reasoning.unwrap_or(0),
            source: UsageSource::Reported,
        }
    }
}

/// Items of all kinds are numbered together; tool calls are counted on their own.
#[derive(Default)]
struct Items {
    calls: Vec<Begun>,
}

/// A call that has begun: its item, and whether any of its arguments came as a delta.
struct Begun {
    item: usize,
    in_pieces: bool,
}

impl Reader for Items {
    fn read(&mut self, event: &Event, assembly: &mut Assembly<'_>) -> Result<Flow, ModelFailure> {
        match parse(&event.data)? {
            Piece::Created { response } => {
                assembly.model(response.model.as_deref().unwrap_or_default());
            }
            Piece::Added { output_index, item } => self.begin(output_index, item, assembly)?,
            Piece::Done { output_index, item } => self.end(output_index, item, assembly)?,
            Piece::Text { delta } => assembly.text(&delta),
            Piece::Refusal { delta } => {
                assembly.text(&delta);
                assembly.declined();
            }
            Piece::Thinking { delta } => assembly.thinking(&delta),
            Piece::ThinkingPart { summary_index: 0 } | Piece::Other => {}
            Piece::ThinkingPart { .. } => assembly.thinking("\n\n"),
            Piece::Arguments { output_index, delta } => {
                self.arguments(output_index, &delta, assembly)?;
            }
            Piece::Completed { response } => {
                return Ok(close(response, FinishReason::Stop, assembly));
            }
            Piece::Incomplete { response } => {
                let details = response.incomplete_details.as_ref();
                let reason = details.and_then(|details| details.reason.as_deref());
                let finish = incomplete(reason.unwrap_or("incomplete"))?;
                return Ok(close(response, finish, assembly));
            }
            Piece::Failed { response } => {
                return Err(refusal::inside(&response.error.unwrap_or_default()));
            }
            Piece::Error { error } => {
                return Err(refusal::inside(error.get("error").unwrap_or(&error)));
            }
        }
        Ok(Flow::More)
    }
}

impl Items {
    fn begin(
        &mut self,
        item: usize,
        begun: Item,
        assembly: &mut Assembly<'_>,
    ) -> Result<(), ModelFailure> {
        match begun {
            Item::FunctionCall { call_id, name, arguments } => {
                assembly.call(self.calls.len(), &call_id, &name, &arguments)?;
                self.calls.push(Begun { item, in_pieces: !arguments.is_empty() });
            }
            Item::Other => {}
        }
        Ok(())
    }

    fn arguments(
        &mut self,
        item: usize,
        delta: &str,
        assembly: &mut Assembly<'_>,
    ) -> Result<(), ModelFailure> {
        let (call, begun) =
            self.calls.iter_mut().enumerate().find(|(_, begun)| begun.item == item).ok_or_else(
                || malformed(&format!("arguments for item {item}, which is no tool call")),
            )?;
        begun.in_pieces |= !delta.is_empty();
        assembly.call(call, "", "", delta)
    }

    /// Some servers give a call whole, at its end.
    fn end(
        &mut self,
        item: usize,
        ended: Item,
        assembly: &mut Assembly<'_>,
    ) -> Result<(), ModelFailure> {
        let Item::FunctionCall { arguments, .. } = &ended else { return Ok(()) };
        match self.calls.iter().find(|begun| begun.item == item) {
            Some(Begun { in_pieces: true, .. }) => Ok(()),
            Some(Begun { in_pieces: false, .. }) => self.arguments(item, arguments, assembly),
            None => self.begin(item, ended, assembly),
        }
    }
}

fn close(response: Response, finish: FinishReason, assembly: &mut Assembly<'_>) -> Flow {
    assembly.model(response.model.as_deref().unwrap_or_default());
    if let Some(usage) = response.usage {
        assembly.usage(usage.into());
    }
    assembly.finish(finish);
    Flow::Done
}

fn incomplete(reason: &str) -> Result<FinishReason, ModelFailure> {
    match reason {
        "max_output_tokens" => Ok(FinishReason::Length),
        "content_filter" => Ok(FinishReason::Filtered),
        other => Err(unknown_finish(other)),
    }
}
