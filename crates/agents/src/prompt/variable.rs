//! A variable of a prompt: its type, and whether it comes from outside.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::mark::Mark;

/// What a prompt is filled with at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// The type of its value.
    #[serde(rename = "type")]
    pub kind: VariableType,
    /// Whether it comes from outside: then it is marked.
    pub untrusted: bool,
    /// What it is, for people.
    pub description: String,
}

/// The types of values, named as JSON Schema names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A list of any values.
    Array,
    /// Names and values.
    Object,
}

impl VariableType {
    /// Returns the word that files and messages use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

impl Variable {
    /// Returns what stands in the prompt for a value, or why it does not fit.
    pub(super) fn value(&self, name: &str, value: &Value, mark: &Mark) -> Result<Value, String> {
        if !self.kind.fits(value) {
            return Err(format!("needs a value of type {} for `{name}`", self.kind.word()));
        }
        match value.as_str().filter(|_| self.untrusted) {
            Some(text) => Ok(mark.span(name, text).into()),
            None => Ok(value.clone()),
        }
    }
}
