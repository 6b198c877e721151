//! Content digests: BLAKE3 over bytes, and over JSON in its one canonical form (RFC 8785).

mod canonical;

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, Visitor},
};

pub use self::canonical::{canonical, reads_back};

/// Writes 32 bytes as 64 lower-case hex digits. Digests are most of what a journal's entries hold.
fn hex<'a>(bytes: &[u8; 32], digits: &'a mut [u8; 64]) -> &'a str {
    const fn digit(nibble: u8) -> u8 {
        if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
    }
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    str::from_utf8(digits).unwrap_or_default()
}

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

    /// Returns the digest of a value's canonical JSON: another order of fields, or another way to
    /// write a number, is no other value. What has no canonical form is told apart by how it looks.
    #[must_use]
    pub fn of_value<T: Serialize + fmt::Debug>(value: &T) -> Self {
        let looks = || Self::of(format!("{value:?}").as_bytes());
        canonical(value).map_or_else(|_| looks(), |bytes| Self::of(&bytes))
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
        f.write_str(hex(&self.0, &mut [0; 64]))
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
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(NotADigest);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(bytes))
    }
}

const fn nibble(digit: u8) -> Result<u8, NotADigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(NotADigest),
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(hex(&self.0, &mut [0; 64]))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(Digits)
    }
}

/// Reads a digest where it stands: most texts of a journal are digests.
struct Digits;

impl Visitor<'_> for Digits {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&NotADigest, f)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
        text.parse().map_err(E::custom)
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

/// Reads a value back from JSON bytes.
///
/// # Errors
/// The bytes are not JSON of that type.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotCanonical> {
    serde_json::from_slice(bytes).map_err(|e| NotCanonical(e.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn keys_are_sorted_and_numbers_have_one_form() {
        assert_eq!(canonical(&json!({"b": 1.0, "a": [2, -0.0]})).unwrap(), br#"{"a":[2,0],"b":1}"#);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let exact = -(1_i64 << 53)..=1_i64 << 53;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            exact.prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_we_write_is_what_the_library_writes(value in any_json()) {
            let wanted = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(canonical(&value).unwrap(), wanted);
        }

        #[test]
        fn what_is_said_to_read_back_does(value in any_json()) {
            let read: Value = parse(&canonical(&value).unwrap()).unwrap();
            prop_assert!(!reads_back(&value) || read == value);
        }
    }

    #[derive(Serialize)]
    #[serde(tag = "kind")]
    enum Shape {
        Unit,
        Fields { z: Option<u8>, a: (i8, char), f: f32 },
        Inner(Box<Inner>),
    }

    #[derive(Serialize)]
    struct Inner {
        outer: Vec<Outer>,
        #[serde(flatten)]
        more: std::collections::BTreeMap<u16, Outer>,
    }

    #[derive(Serialize)]
    enum Outer {
        Unit,
        New(f64),
        Tuple(bool, String),
        Fields { b: (), a: &'static str },
    }

    #[test]
    fn every_shape_of_a_type_is_what_its_json_is() {
        let outers = || {
            let tuple = Outer::Tuple(true, "\"".to_owned());
            vec![Outer::Unit, Outer::New(0.5), tuple, Outer::Fields { b: (), a: "ä" }]
        };
        let more = (7..).zip(outers()).collect();
        for shape in [
            Shape::Unit,
            Shape::Fields { z: None, a: (-1, 'x'), f: 0.1 },
            Shape::Inner(Box::new(Inner { outer: outers(), more })),
        ] {
            let json = serde_json::to_value(&shape).unwrap();
            let wanted = serde_json_canonicalizer::to_vec(&json).unwrap();
            assert_eq!(canonical(&shape).unwrap(), wanted, "{json}");
        }
        assert!(canonical(&f64::NAN).is_err());
        assert!(canonical(&std::collections::BTreeMap::from([(None::<u8>, 1)])).is_err());
    }

    #[test]
    fn keys_stand_in_the_order_of_their_utf_16_code_units() {
        let value = json!({"\u{ffff}": 1, "\u{10000}": 2, "é": 3, "z": 4});
        let wanted = "{\"z\":4,\"é\":3,\"\u{10000}\":2,\"\u{ffff}\":1}";
        assert_eq!(canonical(&value).unwrap(), wanted.as_bytes());
    }

    #[test]
    fn an_integer_that_would_read_back_as_another_is_refused() {
        assert!(canonical(&(1_u64 << 53)).is_ok());
        for wrong in [json!({"n": [u64::MAX]}), json!(i64::MIN), json!((1_u64 << 53) + 1)] {
            assert!(canonical(&wrong).is_err(), "{wrong}");
        }
    }
}
