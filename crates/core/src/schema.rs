//! The port for JSON Schema: `core` says what must fit, somebody else knows how to check it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One place where a value does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaError {
    /// Where in the value, as a JSON pointer; empty for the value as a whole.
    pub path: String,
    /// What is wrong there, in words a person and a model understand.
    pub message: String,
}

impl SchemaError {
    /// Makes an error about the value as a whole.
    #[must_use]
    pub fn whole(message: impl Into<String>) -> Self {
        Self { path: String::new(), message: message.into() }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "at {path}: {}", self.message)
    }
}

/// Checks values against JSON Schema 2020-12.
pub trait SchemaCheck: Send + Sync {
    /// Returns every place where `value` does not fit `schema`; empty when it fits. A schema that
    /// is itself unsound is an error too: nothing fits it.
    fn errors(&self, schema: &Value, value: &Value) -> Vec<SchemaError>;
}
