//! A tool as its server defines it: what is pinned, and the spec that is made of it.

use std::fmt;

use mainstay_core::{
    digest::Digest,
    tool::{
        EffectClass, KeyValidity, Origin, Reversibility, ToolSpec,
        gate::{is_larger, nests_deeper},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::settings::{Overrides, Settings, Trust};
use crate::{JsonSchemaCheck, registry::LONGEST_NAME};

/// A description is text in every prompt: at most so many bytes.
const LONGEST_DESCRIPTION: usize = 16 << 10;

/// A schema is text in every prompt, too.
const LARGEST_SCHEMA: usize = 64 << 10;

/// A schema nests two levels for each level of what it describes.
const DEEPEST_SCHEMA: usize = 64;

/// Everything of a server's definition that decides how a tool is used. Its hash is pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The server's name for it.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input_schema: Value,
    /// JSON Schema of its structured results, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// Whether it says that it changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Whether it says that a repeat changes nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// Whether it says that it may destroy something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destructive: Option<bool>,
    /// Whether it says that it talks to anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_world: Option<bool>,
}

impl Definition {
    /// Returns the hash that is pinned.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of_value(self)
    }

    /// Returns about how many bytes it takes up.
    pub(super) fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |bytes| bytes.len())
    }

    /// Says why the tool cannot be offered, if it cannot.
    pub(super) fn fault(&self, server: &str, schema: &JsonSchemaCheck) -> Option<String> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let room = LONGEST_NAME.saturating_sub(server.len() + 1);
        if self.name.is_empty() || !self.name.bytes().all(allowed) {
            return Some("its name has other characters than a-z, A-Z, 0-9, `_`, `-`, `.`".into());
        }
        if self.name.len() > room {
            return Some(format!("its name is longer than the {room} characters that are left"));
        }
        if self.description.len() > LONGEST_DESCRIPTION {
            return Some(format!("its description is longer than {LONGEST_DESCRIPTION} bytes"));
        }
        let output = self.output_schema.as_ref();
        std::iter::once(&self.input_schema).chain(output).find_map(|given| unsound(given, schema))
    }

    /// Returns the spec of the tool, under the server's name and by its settings.
    pub(super) fn spec(&self, settings: &Settings) -> ToolSpec {
        let none = Overrides::default();
        let overrides = settings.tools.get(&self.name).unwrap_or(&none);
        let mut spec = ToolSpec::new(scoped(&settings.name, &self.name), self.input_schema.clone())
            .with_description(self.description.clone())
            .with_origin(Origin::Mcp(settings.name.clone()))
            .with_effect(self.effect(settings, overrides));
        if spec.effect == EffectClass::Read {
            spec.reversibility = Reversibility::Reversible;
        }
        if let Some(schema) = &self.output_schema {
            spec.output_schema = schema.clone();
        }
        if let Some(timeout) = settings.timeout {
            spec.timeout = timeout;
        }
        overrides.apply(&mut spec);
        spec
    }

    /// An untrusted server's tool acts at most once. `idempotentHint` means "with the same
    /// arguments", which a key does not promise: it counts only where the configuration says for
    /// how long the server recognises keys.
    fn effect(&self, settings: &Settings, overrides: &Overrides) -> EffectClass {
        let keyed = overrides.key_valid_for.or(settings.key_valid_for);
        match (settings.trust, self.read_only, self.idempotent, keyed) {
            (Trust::Trusted, Some(true), _, _) => EffectClass::Read,
            (Trust::Trusted, _, Some(true), Some(key_valid_for)) => {
                EffectClass::Idempotent { key_valid_for }
            }
            _ => stated(overrides.key_valid_for),
        }
    }
}

/// A key's validity that is stated for the tool itself is a statement about the tool.
fn stated(key_valid_for: Option<KeyValidity>) -> EffectClass {
    key_valid_for
        .map_or(EffectClass::AtMostOnce, |key_valid_for| EffectClass::Idempotent { key_valid_for })
}

/// Returns the spec of a tool that nobody has approved: it shows nothing that its server wrote.
pub(super) fn unapproved(server: &str, tool: &str) -> ToolSpec {
    ToolSpec::new(scoped(server, tool), json!({"type": "object", "additionalProperties": true}))
        .with_description("Not approved yet: a person has to look at it first.")
        .with_origin(Origin::Mcp(server.to_owned()))
}

/// Returns a tool's name in a program: two servers never share one.
pub(super) fn scoped(server: &str, tool: impl fmt::Display) -> String {
    format!("{server}.{tool}")
}

fn unsound(given: &Value, schema: &JsonSchemaCheck) -> Option<String> {
    if nests_deeper(given, DEEPEST_SCHEMA) {
        return Some(format!("a schema nests deeper than {DEEPEST_SCHEMA} levels"));
    }
    if is_larger(given, LARGEST_SCHEMA) {
        return Some(format!("a schema is larger than {LARGEST_SCHEMA} bytes"));
    }
    schema.sound(given).err().map(|error| error.message)
}
