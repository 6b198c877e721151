//! An OpenAPI document as JSON, and the references inside it.

use std::fmt;

use serde_json::{Map, Value};

/// The most bytes of a document.
const LONGEST: usize = 16 << 20;

/// How far references lead to references; more is a circle.
const HOPS: usize = 32;

/// What is wrong with a document, or with what is said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenapiError {
    /// The operation it is about, or the place in the document; empty for the whole.
    pub place: String,
    /// What is wrong.
    pub why: String,
}

impl OpenapiError {
    pub(super) fn at(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self { place: place.into(), why: why.into() }
    }
}

impl fmt::Display for OpenapiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            f.write_str(&self.why)
        } else {
            write!(f, "`{}`: {}", self.place, self.why)
        }
    }
}

impl std::error::Error for OpenapiError {}

/// Which dialect its schemas are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 3.0, with a dialect of its own.
    V30,
    /// 3.1 and later, with JSON Schema 2020-12.
    V31,
}

/// An operation where it stands.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) path: String,
    pub(super) method: http::Method,
    /// What is said for every operation of the path.
    pub(super) item: &'a Value,
    /// What is said for this one.
    pub(super) operation: &'a Map<String, Value>,
}

/// A document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Value,
    pub(super) version: Version,
}

impl Document {
    /// Reads JSON or YAML.
    pub(super) fn read(text: &str) -> Result<Self, OpenapiError> {
        let whole = |why: String| OpenapiError::at("", why);
        if text.len() > LONGEST {
            return Err(whole(format!("it is larger than {LONGEST} bytes")));
        }
        let root: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| whole(format!("it is no JSON: {error}")))?
        } else {
            serde_saphyr::from_str(text)
                .map_err(|error| whole(format!("it is no YAML: {}", first_line(&error))))?
        };
        let written = root.get("openapi").and_then(Value::as_str).unwrap_or_default();
        let version = match written.split('.').collect::<Vec<_>>().as_slice() {
            ["3", "0", ..] => Version::V30,
            ["3", "1" | "2", ..] => Version::V31,
            _ => return Err(whole("it does not say `openapi: 3.0` or `3.1`".to_owned())),
        };
        Ok(Self { root, version })
    }

    /// Returns what a value stands for: itself, or what its reference leads to.
    pub(super) fn follow<'a>(&'a self, value: &'a Value) -> Result<&'a Value, OpenapiError> {
        let mut value = value;
        for _ in 0..HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Ok(value);
            };
            value = self.at(reference)?;
        }
        Err(OpenapiError::at("", "its references lead round in a circle"))
    }

    /// Returns what a reference leads to.
    pub(super) fn at(&self, reference: &str) -> Result<&Value, OpenapiError> {
        let wrong = |why| OpenapiError::at(reference, why);
        let pointer = reference
            .strip_prefix('#')
            .ok_or_else(|| wrong("a reference to another document is never followed: bundle it"))?;
        let pointer = decoded(pointer).ok_or_else(|| wrong("a reference that cannot be read"))?;
        self.root.pointer(&pointer).ok_or_else(|| wrong("a reference that leads nowhere"))
    }

    /// Returns the operations.
    pub(super) fn operations(&self) -> Result<Vec<Found<'_>>, OpenapiError> {
        let mut found = Vec::new();
        for (path, item) in self.root.get("paths").and_then(Value::as_object).into_iter().flatten()
        {
            let item = self.follow(item)?;
            for method in METHODS {
                let operation = item.get(method.as_str().to_ascii_lowercase());
                if let Some(operation) = operation.and_then(Value::as_object) {
                    found.push(Found { path: path.clone(), method, item, operation });
                }
            }
        }
        Ok(found)
    }
}

const METHODS: [http::Method; 7] = [
    http::Method::GET,
    http::Method::PUT,
    http::Method::POST,
    http::Method::DELETE,
    http::Method::OPTIONS,
    http::Method::HEAD,
    http::Method::PATCH,
];

/// YAML's errors show the place over several lines.
fn first_line(error: &dyn fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// A reference is a URI fragment: what JSON Pointer has in the clear may be percent-encoded.
fn decoded(pointer: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (rest.next()?, rest.next()?);
            let hex = [high, low];
            let hex = std::str::from_utf8(&hex).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_yaml_are_read_and_other_versions_refused() {
        let version = |text: &str| Document::read(text).map(|document| document.version);
        assert_eq!(version(r#"{"openapi": "3.0.3"}"#), Ok(Version::V30));
        assert_eq!(version("openapi: 3.1.0\npaths: {}\n"), Ok(Version::V31));
        for wrong in ["swagger: '2.0'", "{}", "openapi: 4.0.0", "{", "a: [", "openapi: 3"] {
            assert!(version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_reference_stays_inside_the_document() {
        let text = r##"{"openapi": "3.1.0", "a": {"$ref": "#/b~1c"}, "b/c": {"$ref": "#/d%20e"},
            "d e": {"here": true}, "loop": {"$ref": "#/loop"}}"##;
        let document = Document::read(text).unwrap();
        let follow = |key: &str| document.follow(&document.root[key]).cloned();
        assert_eq!(follow("a").unwrap()["here"], true);
        assert!(follow("loop").unwrap_err().why.contains("circle"));
        for away in ["http://evil.example/x.json", "other.yaml#/a", "//evil.example/x", "#/nowhere"]
        {
            assert!(document.at(away).is_err(), "{away}");
        }
    }
}
