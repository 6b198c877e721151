//! Schemas of OpenAPI as JSON Schema 2020-12 that needs no document: what they refer to goes along
//! in `$defs`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::document::{Document, OpenapiError, Version};

/// The most definitions that one schema may bring along.
const MOST_DEFINITIONS: usize = 512;

/// Which way a value goes: what is only read is not asked for, what is only written not promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

/// Keywords that describe a schema to people and tools and say nothing about values.
const DROPPED: [&str; 7] =
    ["example", "examples", "xml", "externalDocs", "discriminator", "nullable", "deprecated"];

/// Keywords that move the place references start from; with them a reference means something else.
const MOVING: [&str; 5] = ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"];

/// Keywords that hold one schema, a list of schemas, or schemas by name.
const SCHEMAS: [&str; 11] = [
    "items",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
];
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED: [&str; 4] = ["properties", "patternProperties", "dependentSchemas", "$defs"];

/// Converts schemas that end up in one, and collects what they refer to.
pub(super) struct Converter<'a> {
    document: &'a Document,
    way: Way,
    /// The name of each definition, by the reference it was found under.
    names: BTreeMap<String, String>,
    definitions: Map<String, Value>,
}

impl<'a> Converter<'a> {
    pub(super) fn new(document: &'a Document, way: Way) -> Self {
        Self { document, way, names: BTreeMap::new(), definitions: Map::new() }
    }

    /// Returns the schema with everything that was referred to.
    pub(super) fn whole(self, mut schema: Value) -> Value {
        if let Value::Object(fields) = &mut schema
            && !self.definitions.is_empty()
        {
            fields.insert("$defs".to_owned(), Value::Object(self.definitions));
        }
        schema
    }

    /// Converts one schema.
    pub(super) fn convert(&mut self, schema: &Value) -> Result<Value, OpenapiError> {
        let Value::Object(fields) = schema else {
            let wrong = || OpenapiError::at("", "a schema that is neither an object nor a boolean");
            return schema.as_bool().map(Value::Bool).ok_or_else(wrong);
        };
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            let name = self.definition(reference)?;
            let mut referring = match self.document.version {
                // 3.0 reads nothing beside a reference.
                Version::V30 => Map::new(),
                Version::V31 => self.fields(fields)?,
            };
            referring.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
            return Ok(Value::Object(referring));
        }
        let mut converted = self.fields(fields)?;
        if self.document.version == Version::V30 {
            bounds_of_30(&mut converted);
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                return Ok(nullable(converted));
            }
        }
        Ok(Value::Object(converted))
    }

    fn fields(&mut self, fields: &Map<String, Value>) -> Result<Map<String, Value>, OpenapiError> {
        let mut converted = Map::new();
        for (keyword, value) in fields {
            if MOVING.contains(&keyword.as_str()) {
                return Err(OpenapiError::at("", format!("a schema with `{keyword}`")));
            }
            if keyword.starts_with("x-") || DROPPED.contains(&keyword.as_str()) {
                continue;
            }
            let value = match keyword.as_str() {
                "$ref" | "$schema" => continue,
                "required" => self.required(fields, value),
                name if SCHEMAS.contains(&name) => self.convert(value)?,
                name if LISTS.contains(&name) => {
                    let items = value.as_array().into_iter().flatten();
                    items.map(|item| self.convert(item)).collect::<Result<Vec<_>, _>>()?.into()
                }
                name if NAMED.contains(&name) => {
                    let mut named = Map::new();
                    for (name, schema) in value.as_object().into_iter().flatten() {
                        named.insert(name.clone(), self.convert(schema)?);
                    }
                    Value::Object(named)
                }
                _ => value.clone(),
            };
            converted.insert(keyword.clone(), value);
        }
        Ok(converted)
    }

    /// Returns the required properties without those that do not go this way.
    fn required(&self, fields: &Map<String, Value>, names: &Value) -> Value {
        let one_way = match self.way {
            Way::In => "readOnly",
            Way::Out => "writeOnly",
        };
        let stays = |name: &&Value| {
            let property = fields.get("properties").zip(name.as_str());
            let property = property.and_then(|(all, name)| all.get(name));
            let property = property.and_then(|schema| self.document.follow(schema).ok());
            property.and_then(|schema| schema.get(one_way)) != Some(&Value::Bool(true))
        };
        names.as_array().into_iter().flatten().filter(stays).cloned().collect()
    }

    /// Returns the name of the definition that a reference leads to, converted once.
    fn definition(&mut self, reference: &str) -> Result<String, OpenapiError> {
        if let Some(name) = self.names.get(reference) {
            return Ok(name.clone());
        }
        if self.names.len() >= MOST_DEFINITIONS {
            return Err(OpenapiError::at("", "a schema that refers to too many others"));
        }
        let schema = self.document.at(reference)?;
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let last = reference.rsplit('/').next().unwrap_or_default();
        let base: String = last.chars().map(plain).collect();
        let taken = |name: &String| self.names.values().any(|own| own == name);
        let numbered = (2..).map(|n| format!("{base}_{n}"));
        let name = std::iter::once(base.clone()).chain(numbered).find(|name| !taken(name));
        let name = name.unwrap_or(base);
        // Known before it is converted: it may refer to itself.
        self.names.insert(reference.to_owned(), name.clone());
        let converted = self.convert(schema)?;
        self.definitions.insert(name.clone(), converted);
        Ok(name)
    }
}

/// In 3.0 a bound is exclusive by a boolean beside it.
fn bounds_of_30(schema: &mut Map<String, Value>) {
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match schema.get(exclusive) {
            Some(Value::Bool(true)) => {
                schema.remove(exclusive);
                if let Some(value) = schema.remove(bound) {
                    schema.insert(exclusive.to_owned(), value);
                }
            }
            Some(Value::Bool(false)) => drop(schema.remove(exclusive)),
            _ => {}
        }
    }
}

/// Lets a schema of 3.0 take `null`, too.
fn nullable(mut schema: Map<String, Value>) -> Value {
    let plain = ["allOf", "anyOf", "oneOf", "not", "const"];
    if let Some(Value::String(kind)) = schema.get("type").cloned()
        && plain.iter().all(|keyword| !schema.contains_key(*keyword))
    {
        schema.insert("type".to_owned(), json!([kind, "null"]));
        if let Some(Value::Array(values)) = schema.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
        return Value::Object(schema);
    }
    json!({"anyOf": [schema, {"type": "null"}]})
}

#[cfg(test)]
#[path = "schema/tests.rs"]
mod tests;
