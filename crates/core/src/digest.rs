//! Content digests: BLAKE3 over bytes, and over JSON in its one canonical form (RFC 8785).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A BLAKE3 hash, 32 bytes, printed as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest that stands before the first entry of a journal.
    pub const ZERO: Self = Self([0; 32]);

    /// Hashes bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Hashes several parts, each led by its length, so that no two lists of parts collide.
    #[must_use]
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// Wraps 32 bytes read from a store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the first twelve hex digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written in one go: digests are most of what a journal's entries hold.
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

/// The text is not 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADigest;

impl fmt::Display for NotADigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a digest has 64 hex digits")
    }
}

impl std::error::Error for NotADigest {}

impl FromStr for Digest {
    type Err = NotADigest;
    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| NotADigest)?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A value could not be written as, or read from, canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCanonical(String);

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not canonical JSON: {}", self.0)
    }
}

impl std::error::Error for NotCanonical {}

/// The largest integer that is exact as a JSON number everywhere (RFC 8785, section 3.2.2.3).
const LARGEST_EXACT: u64 = 1 << 53;

/// Returns `value` as canonical JSON (RFC 8785): equal values give equal bytes.
///
/// # Errors
/// The value has a non-finite number, a map whose keys are not strings, or an integer beyond 2^53,
/// which would read back as another one: write it as text.
pub fn canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let value = serde_json::to_value(value).map_err(|e| NotCanonical(e.to_string()))?;
    if let Some(inexact) = inexact(&value) {
        return Err(NotCanonical(format!("{inexact} is not exact as a number; write it as text")));
    }
    serde_json_canonicalizer::to_vec(&value).map_err(|e| NotCanonical(e.to_string()))
}

/// Returns an integer that a reader could not tell from its neighbours.
fn inexact(value: &Value) -> Option<&serde_json::Number> {
    match value {
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            size.is_some_and(|size| size > LARGEST_EXACT).then_some(number)
        }
        Value::Array(items) => items.iter().find_map(inexact),
        Value::Object(fields) => fields.values().find_map(inexact),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

/// Reads a value back from JSON bytes.
///
/// # Errors
/// The bytes are not JSON of that type.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotCanonical> {
    serde_json::from_slice(bytes).map_err(|e| NotCanonical(e.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_and_numbers_have_one_form() {
        assert_eq!(canonical(&json!({"b": 1.0, "a": [2, -0.0]})).unwrap(), br#"{"a":[2,0],"b":1}"#);
    }

    #[test]
    fn an_integer_that_would_read_back_as_another_is_refused() {
        assert!(canonical(&(1_u64 << 53)).is_ok());
        for wrong in [json!({"n": [u64::MAX]}), json!(i64::MIN), json!((1_u64 << 53) + 1)] {
            assert!(canonical(&wrong).is_err(), "{wrong}");
        }
    }
}
