//! JSON Schema 2020-12: checking values, closing schemas, reading JSON without mercy.

pub mod closed;
pub mod strict;
mod work;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use jsonschema::{Draft, PatternOptions, Validator};
use mainstay_core::{
    schema::{SchemaCheck, SchemaError},
    tool::gate::{MOST_BYTES, is_larger, nests_deeper},
};
use serde_json::Value;

pub use closed::closed;
pub use strict::{NotStrict, parse_strict, read_strict};

/// At most so many schemas are kept compiled; beyond that they are forgotten and compiled anew.
const KEPT: usize = 1_024;

/// At most so many errors are reported of one value; a model corrects a few at a time.
const REPORTED: usize = 16;

/// A schema nests at most so many levels.
const DEEPEST: usize = 128;

/// At most so many characters of a message; a message quotes the value, which may be hostile.
const QUOTED: usize = 300;

/// Checks values by JSON Schema 2020-12, whatever dialect a schema says it is written in.
///
/// No reference leaves the schema, so nothing is fetched, and regular expressions run in linear
/// time, so neither can make a check run away; a schema that needs either is unsound. How often
/// schemas and values can meet is counted before they do, and too often is refused.
#[derive(Debug, Default)]
pub struct JsonSchemaCheck {
    compiled: RwLock<HashMap<Value, Arc<Compiled>>>,
}

#[derive(Debug)]
enum Compiled {
    Sound {
        validator: Box<Validator>,
        /// How many schemas one value meets, where that does not depend on the value.
        weight: Option<u64>,
    },
    Unsound(String),
}

impl JsonSchemaCheck {
    /// Makes a check that has compiled nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says why a schema is unsound, if it is.
    ///
    /// # Errors
    /// The schema is unsound, or needs what a check must not do.
    pub fn sound(&self, schema: &Value) -> Result<(), SchemaError> {
        match &*self.compiled(schema) {
            Compiled::Sound { .. } => Ok(()),
            Compiled::Unsound(why) => Err(SchemaError::whole(why.clone())),
        }
    }

    fn compiled(&self, schema: &Value) -> Arc<Compiled> {
        // A panic while the lock was held cannot have left a half-made entry behind.
        let kept = self.compiled.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = kept.get(schema) {
            return Arc::clone(compiled);
        }
        drop(kept);
        let compiled = Arc::new(compile(schema));
        let mut kept = self.compiled.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(schema.clone(), Arc::clone(&compiled));
        compiled
    }
}

impl SchemaCheck for JsonSchemaCheck {
    fn errors(&self, schema: &Value, value: &Value) -> Vec<SchemaError> {
        match &*self.compiled(schema) {
            Compiled::Sound { weight, .. } if !work::is_bounded(schema, *weight, value) => {
                vec![SchemaError::whole("checking it against its schema would take too much work")]
            }
            Compiled::Sound { validator, .. } => {
                validator.iter_errors(value).take(REPORTED).map(error).collect()
            }
            Compiled::Unsound(why) => vec![SchemaError::whole(why.clone())],
        }
    }
}

fn compile(schema: &Value) -> Compiled {
    if nests_deeper(schema, DEEPEST) || is_larger(schema, MOST_BYTES) {
        return Compiled::Unsound(format!(
            "the schema is unsound: it is larger than {MOST_BYTES} bytes or nests deeper than {DEEPEST} levels"
        ));
    }
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .offline();
    match options.build(schema) {
        Ok(validator) => {
            Compiled::Sound { validator: Box::new(validator), weight: work::weight(schema) }
        }
        Err(error) => Compiled::Unsound(format!("the schema is unsound: {error}")),
    }
}

fn error(error: jsonschema::ValidationError<'_>) -> SchemaError {
    let mut message = error.to_string();
    if let Some((end, _)) = message.char_indices().nth(QUOTED) {
        message.truncate(end);
        message.push('…');
    }
    SchemaError { path: error.instance_path().to_string(), message }
}

#[cfg(test)]
mod tests;
