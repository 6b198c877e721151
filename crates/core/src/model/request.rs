//! What a step asks of a model. Equal requests have equal digests, whoever made them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CachePolicy, Message, ModelName};
use crate::digest::Digest;

/// A tool the model may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolOffer {
    /// The name the model calls it by.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// The JSON Schema of its arguments. A request with it is written each turn: it refers to one.
    pub schema: Arc<Value>,
}

/// Whether the model may, must or must not ask for a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// No tool.
    Never,
    /// Some tool.
    Required,
    /// This tool.
    Tool(String),
}

/// The shape the answer must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputSchema {
    /// A short name, such as `intent`.
    pub name: String,
    /// The JSON Schema.
    pub schema: Value,
}

/// How freely the model chooses its words, from 0 to 2, kept in hundredths: a request can then be
/// compared, hashed and written without a float that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Temperature(u16);

impl Temperature {
    /// The most likely words, always.
    pub const ZERO: Self = Self(0);

    /// Makes a temperature, rounded to hundredths; `None` outside 0 to 2.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is checked to lie between 0 and 2"
    )]
    pub fn new(value: f64) -> Option<Self> {
        // In range, so the cast can neither wrap nor lose a sign.
        (0.0..=2.0).contains(&value).then(|| Self((value * 100.0).round() as u16))
    }

    /// Returns the number that vendors expect.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl TryFrom<f64> for Temperature {
    type Error = String;
    fn try_from(value: f64) -> Result<Self, String> {
        Self::new(value).ok_or_else(|| format!("a temperature is from 0 to 2, not {value}"))
    }
}

impl From<Temperature> for f64 {
    fn from(temperature: Temperature) -> Self {
        temperature.value()
    }
}

/// Which prompt a request was written from: for the record, never sent to a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptRef {
    /// The prompt's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of its source.
    pub hash: Digest,
}

/// One question to a model, complete: nothing else influences what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRequest {
    /// The model or tier that is asked.
    pub model: ModelName,
    /// The instructions that stand above the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The tools the model may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolOffer>,
    /// Whether it may, must or must not.
    #[serde(default)]
    pub tool_choice: ToolChoice,
    /// The shape the answer must have, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputSchema>,
    /// The most tokens the answer may have, thinking included. Never unlimited: the budget
    /// reserves this much before the call.
    pub max_output_tokens: u32,
    /// How freely words are chosen; the vendor's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Temperature>,
    /// A seed for vendors that take one. 32 bits, because canonical JSON holds integers exactly
    /// only up to 2^53.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// Texts at which the answer ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// The prompt it was written from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptRef>,
    /// Whether an answer to the same question may be given again, and how long; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CachePolicy>,
}

impl ModelRequest {
    /// The answer's length limit when the author names none.
    pub const DEFAULT_MAX_OUTPUT_TOKENS: u32 = 1_024;

    /// Makes an empty request to `model`.
    #[must_use]
    pub fn new(model: impl Into<ModelName>) -> Self {
        Self {
            model: model.into(),
            system: None,
            messages: Vec::new(),
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            output: None,
            max_output_tokens: Self::DEFAULT_MAX_OUTPUT_TOKENS,
            temperature: None,
            seed: None,
            stop: Vec::new(),
            prompt: None,
            cache: None,
        }
    }

    /// Sets the instructions.
    #[must_use]
    pub fn with_system(mut self, system: impl Into<String>) -> Self {
        self.system = Some(system.into());
        self
    }

    /// Adds a message of the one who asks.
    #[must_use]
    pub fn with_user(self, text: impl Into<String>) -> Self {
        self.with_message(Message::user(text))
    }

    /// Adds a message.
    #[must_use]
    pub fn with_message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Offers a tool.
    #[must_use]
    pub fn with_tool(mut self, tool: ToolOffer) -> Self {
        self.tools.push(tool);
        self
    }

    /// Says whether a tool may, must or must not be asked for.
    #[must_use]
    pub fn with_tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = choice;
        self
    }

    /// Demands an answer of this shape.
    #[must_use]
    pub fn with_output(mut self, name: impl Into<String>, schema: Value) -> Self {
        self.output = Some(OutputSchema { name: name.into(), schema });
        self
    }

    /// Limits the answer's length in tokens.
    #[must_use]
    pub fn with_max_output_tokens(mut self, tokens: u32) -> Self {
        self.max_output_tokens = tokens;
        self
    }

    /// Sets how freely words are chosen.
    #[must_use]
    pub fn with_temperature(mut self, temperature: Temperature) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Adds a text at which the answer ends.
    #[must_use]
    pub fn with_stop(mut self, stop: impl Into<String>) -> Self {
        self.stop.push(stop.into());
        self
    }

    /// Says which prompt it was written from.
    #[must_use]
    pub fn with_prompt(mut self, prompt: PromptRef) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// Lets an answer to the same question be given again.
    #[must_use]
    pub fn with_cache(mut self, cache: CachePolicy) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Returns the digest of the request's canonical JSON.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_value(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Tier, ToolCall, ToolResult};

    fn request() -> ModelRequest {
        let call = ToolCall::new("c1", "find", json!({"no": 7}));
        let result = ToolResult {
            call_id: "c1".into(),
            name: "find".into(),
            content: "nothing".into(),
            is_error: false,
        };
        ModelRequest::new(Tier::Fast)
            .with_system("be brief")
            .with_user("where is my parcel?")
            .with_message(Message::assistant("", vec![call]))
            .with_message(Message::tool_results(vec![result]))
            .with_tool_choice(ToolChoice::Tool("find".into()))
            .with_output("intent", json!({"type": "object"}))
            .with_temperature(Temperature::new(0.7).unwrap())
    }

    #[test]
    fn the_journaled_form_of_a_request_does_not_change() {
        let expected = json!({
            "model": "fast",
            "system": "be brief",
            "messages": [
                {"role": "user", "parts": [{"kind": "text", "text": "where is my parcel?"}]},
                {"role": "assistant", "parts": [
                    {"kind": "tool_call", "id": "c1", "name": "find", "arguments": {"no": 7}}]},
                {"role": "tool", "parts": [
                    {"kind": "tool_result", "call_id": "c1", "name": "find", "content": "nothing", "is_error": false}]},
            ],
            "tool_choice": {"tool": "find"},
            "output": {"name": "intent", "schema": {"type": "object"}},
            "max_output_tokens": 1024,
            "temperature": 0.7,
        });
        assert_eq!(serde_json::to_value(request()).unwrap(), expected);
        assert_eq!(serde_json::from_value::<ModelRequest>(expected).unwrap(), request());
    }

    #[test]
    fn any_difference_changes_the_digest() {
        assert_eq!(request().digest(), request().digest());
        assert_ne!(request().digest(), request().with_seed(1).digest());
        assert_ne!(request().digest(), request().with_user("?").digest());
    }

    #[test]
    fn the_prompt_is_named_by_what_it_says() {
        let prompt = PromptRef {
            name: "triage".into(),
            version: "3".into(),
            hash: Digest::of(b"Sort this letter."),
        };
        let written = serde_json::to_value(request().with_prompt(prompt.clone())).unwrap();
        assert_eq!(written["prompt"]["hash"], json!(prompt.hash.to_string()));
        let read = serde_json::from_value::<ModelRequest>(written).unwrap();
        assert_eq!(read.prompt, Some(prompt));
    }

    #[test]
    fn a_temperature_is_a_number_from_0_to_2() {
        for wrong in [-0.1, 2.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Temperature::new(wrong), None, "{wrong}");
        }
        assert!(serde_json::from_value::<Temperature>(json!(3.0)).is_err());
    }
}
