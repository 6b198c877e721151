//! One message of a conversation with a model, and the parts it is made of.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who speaks. The system's instructions are not a message: they stand in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one who asks.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    Tool,
}

/// A call of a tool that a model asks for. Nothing has happened yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The vendor's name for the call, which its result must repeat.
    pub id: String,
    /// The tool's name as it was offered.
    pub name: String,
    /// The arguments: well-formed JSON, not yet checked against the tool's schema.
    pub arguments: Value,
}

/// What a called tool answered, as the model is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the call that is answered.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// The answer as text.
    pub content: String,
    /// Whether the answer reports a failure.
    #[serde(default)]
    pub is_error: bool,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Part {
    /// Plain text.
    Text {
        /// The text itself.
        text: String,
    },
    /// A tool call that the model asked for earlier.
    ToolCall(ToolCall),
    /// The answer to such a call.
    ToolResult(ToolResult),
}

/// One message: who speaks, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

impl Message {
    /// Makes a message of the one who asks.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, parts: vec![Part::Text { text: text.into() }] }
    }

    /// Makes a message of the model from its text and the tool calls it asked for.
    #[must_use]
    pub fn assistant(text: impl Into<String>, tool_calls: Vec<ToolCall>) -> Self {
        let text = text.into();
        let said = (!text.is_empty()).then_some(Part::Text { text });
        let parts = said.into_iter().chain(tool_calls.into_iter().map(Part::ToolCall)).collect();
        Self { role: Role::Assistant, parts }
    }

    /// Makes the message that answers tool calls.
    #[must_use]
    pub fn tool_results(results: Vec<ToolResult>) -> Self {
        Self { role: Role::Tool, parts: results.into_iter().map(Part::ToolResult).collect() }
    }

    /// Returns all text of the message, tool results included, one part a line.
    #[must_use]
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            Part::ToolResult(result) => Some(result.content.as_str()),
            Part::ToolCall(_) => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }
}
