//! Google's Gemini.

use mainstay_core::model::{
    FinishReason, Message, ModelFailure, ModelId, ModelRequest, Part, Role, ToolCall, ToolChoice,
    ToolResult, Usage, UsageSource,
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

/// The dialect.
pub(super) struct Gemini;

impl Dialect for Gemini {
    fn request(&self, endpoint: &Endpoint, model: &ModelId, request: &ModelRequest) -> Outgoing {
        let mut body = json!({
            "contents": request.messages.iter().map(message).collect::<Vec<_>>(),
            "generationConfig": generation(request),
        });
        let mut set = |name: &str, value: Value| {
            if let Some(fields) = body.as_object_mut() {
                fields.insert(name.to_owned(), value);
            }
        };
        if let Some(system) = &request.system {
            set("systemInstruction", json!({"parts": [{"text": system}]}));
        }
        if !request.tools.is_empty() {
            set("tools", tools(request));
            set("toolConfig", json!({"functionCallingConfig": tool_choice(&request.tool_choice)}));
        }
        let mut url = endpoint.at(&format!("v1beta/models/{}:streamGenerateContent", model.name()));
        url.set_query(Some("alt=sse"));
        Outgoing { url, headers: key_header(endpoint, "x-goog-api-key", ""), body }
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Chunks)
    }
}

fn generation(request: &ModelRequest) -> Value {
    let settings = [
        ("maxOutputTokens", Some(json!(request.max_output_tokens))),
        ("temperature", request.temperature.map(|temperature| json!(temperature.value()))),
        ("seed", request.seed.map(|seed| json!(seed))),
        ("stopSequences", (!request.stop.is_empty()).then(|| json!(request.stop))),
        ("responseMimeType", request.output.as_ref().map(|_| json!("application/json"))),
        ("responseJsonSchema", request.output.as_ref().map(|output| output.schema.clone())),
    ];
    let given = settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect())
}

fn message(message: &Message) -> Value {
    let role = match message.role {
        Role::Assistant => "model",
        Role::User | Role::Tool => "user",
    };
    let parts: Vec<_> = message.parts.iter().map(part).collect();
    json!({"role": role, "parts": parts})
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text { text } => json!({"text": text}),
        Part::ToolCall(call) => {
            let function = json!({"name": call.name, "args": call.shown_arguments()});
            match signature(call) {
                Some(signature) => {
                    json!({"functionCall": function, "thoughtSignature": signature})
                }
                None => json!({"functionCall": function}),
            }
        }
        Part::ToolResult(result) => json!({
            "functionResponse": {"name": result.name, "response": response(result)},
        }),
    }
}

fn response(result: &ToolResult) -> Value {
    let key = if result.is_error { "error" } else { "output" };
    json!({key: result.content})
}

/// They give calls no ids, but some a signature that must come back with the call. So the id that
/// is made up here carries it.
fn id(position: usize, signature: Option<&str>) -> String {
    match signature {
        Some(signature) => format!("call_{position}:{signature}"),
        None => format!("call_{position}"),
    }
}

fn signature(call: &ToolCall) -> Option<&str> {
    call.id.split_once(':').map(|(_, signature)| signature)
}

fn tools(request: &ModelRequest) -> Value {
    let tools = request.tools.iter().map(|tool| {
        json!({
            "name": tool.name,
            "description": tool.description,
            "parametersJsonSchema": tool.schema,
        })
    });
    json!([{"functionDeclarations": tools.collect::<Vec<_>>()}])
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::Never => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Tool(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    #[serde(default)]
    candidates: Vec<Candidate>,
    #[serde(default)]
    usage_metadata: Option<ReportedUsage>,
    #[serde(default)]
    model_version: Option<String>,
    #[serde(default)]
    prompt_feedback: Option<Feedback>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    content: Content,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<ReceivedPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReceivedPart {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thought: bool,
    #[serde(default)]
    thought_signature: Option<String>,
    #[serde(default)]
    function_call: Option<FunctionCall>,
}

#[derive(Deserialize)]
struct FunctionCall {
    name: String,
    #[serde(default)]
    args: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    #[serde(default)]
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReportedUsage {
    #[serde(default)]
    prompt_token_count: u64,
    #[serde(default)]
    candidates_token_count: u64,
    #[serde(default)]
    thoughts_token_count: u64,
    #[serde(default)]
    cached_content_token_count: u64,
}

impl From<ReportedUsage> for Usage {
    /// Their count of the answer leaves the thinking out; ours has it in.
    fn from(reported: ReportedUsage) -> Self {
        Self {
            input_tokens: reported.prompt_token_count,
            output_tokens: reported.candidates_token_count + reported.thoughts_token_count,
            cached_input_tokens: reported.cached_content_token_count,
            reasoning_tokens: reported.thoughts_token_count,
            source: UsageSource::Reported,
        }
    }
}

struct Chunks;

impl Reader for Chunks {
    /// There is no end marker beside the finish reason, and the last counts may follow it: the
    /// stream is read to its end.
    fn read(&mut self, event: &Event, assembly: &mut Assembly<'_>) -> Result<Flow, ModelFailure> {
        let chunk: Chunk = parse(&event.data)?;
        if let Some(error) = chunk.error {
            return Err(refusal::inside(&error));
        }
        assembly.model(chunk.model_version.as_deref().unwrap_or_default());
        if let Some(usage) = chunk.usage_metadata {
            assembly.usage(usage.into());
        }
        if chunk.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some()) {
            assembly.finish(FinishReason::Filtered);
        }
        // We ask for one candidate, so the first is all there is.
        let Some(candidate) = chunk.candidates.into_iter().next() else { return Ok(Flow::More) };
        for part in candidate.content.parts {
            read_part(part, assembly)?;
        }
        if let Some(reason) = candidate.finish_reason {
            assembly.finish(finish(&reason)?);
        }
        Ok(Flow::More)
    }
}

fn read_part(part: ReceivedPart, assembly: &mut Assembly<'_>) -> Result<(), ModelFailure> {
    match &part.text {
        Some(text) if part.thought => assembly.thinking(text),
        Some(text) => assembly.text(text),
        None => {}
    }
    let Some(call) = part.function_call else { return Ok(()) };
    let position = assembly.calls();
    let id = id(position, part.thought_signature.as_deref());
    let arguments = call.args.map(|args| args.to_string()).unwrap_or_default();
    assembly.call(position, &id, &call.name, &arguments)
}

fn finish(reason: &str) -> Result<FinishReason, ModelFailure> {
    Ok(match reason {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => {
            FinishReason::Filtered
        }
        // Includes MALFORMED_FUNCTION_CALL, which is what it says.
        other => return Err(unknown_finish(other)),
    })
}
