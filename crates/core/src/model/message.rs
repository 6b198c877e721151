//! One message of a conversation with a model, and the parts it is made of.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

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
    /// The arguments: well-formed JSON, not yet checked against the tool's schema; null where the
    /// model wrote something that is not JSON.
    pub arguments: Value,
    /// What the model wrote instead of JSON, as it came. Such a call must not be executed: the
    /// model is told what is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
}

impl ToolCall {
    /// Makes a call with arguments that are JSON.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>, arguments: Value) -> Self {
        Self { id: id.into(), name: name.into(), arguments, malformed: None }
    }

    /// Reads a call's arguments from what the model wrote. No text at all means no arguments.
    #[must_use]
    pub fn read(id: impl Into<String>, name: impl Into<String>, written: &str) -> Self {
        let call = Self::new(id, name, Value::Null);
        if written.trim().is_empty() {
            return Self { arguments: Value::Object(Map::new()), ..call };
        }
        match serde_json::from_str(written) {
            Ok(arguments) => Self { arguments, ..call },
            Err(_) => Self { malformed: Some(written.to_owned()), ..call },
        }
    }

    /// Returns why the arguments cannot be read, if so: what the model is told.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let error = serde_json::from_str::<Value>(self.malformed.as_deref()?).err();
        let why = error.map_or_else(|| "unknown".to_owned(), |error| error.to_string());
        Some(format!("the arguments for `{}` are not JSON: {why}", self.name))
    }

    /// Returns the arguments as an object that a conversation can show: those of a malformed call
    /// as the text they are, because vendors take nothing but JSON there.
    #[must_use]
    pub fn shown_arguments(&self) -> Value {
        match &self.malformed {
            Some(written) => json!({"not_json": written}),
            None => self.arguments.clone(),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_no_json_are_kept_as_they_came_and_never_become_an_empty_object() {
        let call = ToolCall::read("c1", "refund", "{\"order\": 4711");
        assert_eq!(
            serde_json::to_value(&call).unwrap(),
            json!({"id": "c1", "name": "refund", "arguments": null, "malformed": "{\"order\": 4711"})
        );
        assert_eq!(call.shown_arguments(), json!({"not_json": "{\"order\": 4711"}));
        let problem = call.problem().unwrap();
        assert!(problem.starts_with("the arguments for `refund` are not JSON: EOF"), "{problem}");
    }

    #[test]
    fn a_call_reads_back_from_journals_that_know_no_malformed_ones() {
        let written = json!({"id": "c1", "name": "refund", "arguments": {"order": 4711}});
        let call = serde_json::from_value::<ToolCall>(written.clone()).unwrap();
        assert_eq!(call, ToolCall::read("c1", "refund", " {\"order\":4711} "));
        assert_eq!((serde_json::to_value(&call).unwrap(), call.problem()), (written, None));
    }

    #[test]
    fn no_arguments_at_all_are_an_empty_object() {
        assert_eq!(ToolCall::read("c1", "list", " ").arguments, json!({}));
    }
}
