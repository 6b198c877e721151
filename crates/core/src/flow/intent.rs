//! What people say when they want a flow: beside the graph, and no part of its hash. Another example
//! makes no other version.

use serde::{Deserialize, Serialize};

/// How a request in words finds its flow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intent {
    /// Requests for this flow, as people write them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// Patterns that decide: what one of them fits is for this flow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Patterns that decide nothing and read the input: each named group is a field, such as
    /// `(?<order.id>A-\d+)`. Groups of `rules` are read the same way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub captures: Vec<String>,
}

impl Intent {
    /// Returns whether the author said anything.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}
