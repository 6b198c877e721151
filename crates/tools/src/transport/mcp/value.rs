//! What a tool's result is to a program: its structured content, else its text, else its blocks.

use mainstay_core::{code::Code, tool::ToolFailure};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value, json};

/// At most so many bytes of an image, a sound or a blob are handed on, as base64.
const LARGEST_BLOB: usize = 256 << 10;

/// At most so many characters of an error that a tool reports.
const LONGEST_ERROR: usize = 2_000;

/// How the TypeScript SDK begins the result in which it refuses arguments, before it asks the tool.
const ARGUMENTS_REFUSED: &str = "MCP error -32602";

/// Reads a result. One that says it is an error is a failure of which nobody knows whether it came
/// before or after the tool acted.
pub(super) fn of(result: CallToolResult) -> Result<Value, ToolFailure> {
    if result.is_error == Some(true) {
        return Err(reported(&result));
    }
    if let Some(structured) = result.structured_content {
        return Ok(structured);
    }
    let mut blocks = result.content.into_iter().map(block).collect::<Result<Vec<_>, _>>()?;
    match blocks.as_slice() {
        [] => Ok(Value::Null),
        [Value::String(text)] => Ok(as_json(text)),
        [_] => Ok(blocks.pop().unwrap_or_default()),
        _ => Ok(Value::Array(blocks)),
    }
}

fn reported(result: &CallToolResult) -> ToolFailure {
    let texts = result.content.iter().filter_map(|block| {
        if let ContentBlock::Text(text) = block { Some(text.text.as_str()) } else { None }
    });
    let told = texts.collect::<Vec<_>>().join("; ");
    let told = match (told.is_empty(), &result.structured_content) {
        (true, Some(structured)) => structured.to_string(),
        (true, None) => "without a reason".to_owned(),
        (false, _) => told,
    };
    let told: String = told.chars().take(LONGEST_ERROR).collect();
    if told.starts_with(ARGUMENTS_REFUSED) {
        let told = format!("the server refuses the call: {told}");
        return ToolFailure::refused(told).with_code(Code::ToolArguments);
    }
    ToolFailure::new(format!("the tool reports an error: {told}"))
}

/// Many servers write JSON into their text. Objects and lists are read, so that a plan's slot can
/// reach into them; a text that only looks like a number stays the text it is.
fn as_json(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

/// A text is its text; anything else is an object that says what it is.
fn block(block: ContentBlock) -> Result<Value, ToolFailure> {
    if let ContentBlock::Text(text) = block {
        return Ok(Value::String(text.text));
    }
    let mut value = serde_json::to_value(block)?;
    match value.get_mut("resource") {
        Some(resource) => shorten(resource, "blob"),
        None => shorten(&mut value, "data"),
    }
    Ok(value)
}

/// Puts the size in the place of what is too large, so that nobody takes a part for the whole.
fn shorten(value: &mut Value, field: &str) {
    let Some(fields) = value.as_object_mut() else { return };
    let size = fields.get(field).and_then(Value::as_str).map(str::len);
    if let Some(size) = size.filter(|size| *size > LARGEST_BLOB) {
        leave_out(fields, field, size);
    }
}

fn leave_out(fields: &mut Map<String, Value>, field: &str, size: usize) {
    fields.remove(field);
    fields.insert("left_out".to_owned(), json!({"field": field, "base64_bytes": size}));
}
