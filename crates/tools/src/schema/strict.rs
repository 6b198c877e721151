//! JSON read without mercy: what another reader could understand differently is refused.
//!
//! Two readers disagree on duplicate keys (first or last?), on `NaN`, and on documents that are
//! deeper or larger than they like. An approval must mean the same to all of them.

use std::{cell::RefCell, fmt};

use mainstay_core::{
    schema::SchemaError,
    tool::gate::{MOST_BYTES, MOST_LEVELS},
};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not strict JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotStrict {
    /// More bytes than allowed.
    TooLarge,
    /// Not JSON, a key twice, a number out of range, or too deep.
    Invalid {
        /// The value that was being read, as a JSON pointer; empty for the whole.
        path: String,
        /// What is wrong, and on which line.
        why: String,
    },
}

impl fmt::Display for NotStrict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "larger than {MOST_BYTES} bytes"),
            Self::Invalid { why, .. } => f.write_str(why),
        }
    }
}

impl std::error::Error for NotStrict {}

impl From<NotStrict> for SchemaError {
    fn from(error: NotStrict) -> Self {
        let message = error.to_string();
        match error {
            NotStrict::TooLarge => Self::whole(message),
            NotStrict::Invalid { path, .. } => Self { path, message },
        }
    }
}

/// Reads bytes that should be [strict JSON](parse_strict).
///
/// # Errors
/// They are not, or no UTF-8.
pub fn read_strict(bytes: &[u8]) -> Result<Value, NotStrict> {
    if bytes.len() > MOST_BYTES {
        return Err(NotStrict::TooLarge);
    }
    let text = str::from_utf8(bytes).map_err(|error| NotStrict::Invalid {
        path: String::new(),
        why: format!("is not UTF-8 from byte {} on", error.valid_up_to()),
    })?;
    parse_strict(text)
}

/// Reads JSON of at most a mebibyte and 32 levels, without duplicate keys, `NaN` or infinities.
///
/// # Errors
/// The text is anything else; the error says where.
pub fn parse_strict(text: &str) -> Result<Value, NotStrict> {
    if text.len() > MOST_BYTES {
        return Err(NotStrict::TooLarge);
    }
    let path = Path::default();
    let invalid = |error: serde_json::Error| NotStrict::Invalid {
        path: path.borrow().iter().map(|part| format!("/{part}")).collect(),
        why: error.to_string(),
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let start = Level { left: MOST_LEVELS, path: &path };
    let value = start.deserialize(&mut reader).map_err(invalid)?;
    reader.end().map_err(invalid)?;
    Ok(value)
}

/// The way to the value that is being read: what went well is taken off again.
type Path = RefCell<Vec<String>>;

/// Reads one value with so many levels left, its own included.
#[derive(Clone, Copy)]
struct Level<'p> {
    left: usize,
    path: &'p Path,
}

impl Level<'_> {
    fn at<T, E>(self, part: &str, read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.path.borrow_mut().push(part.replace('~', "~0").replace('/', "~1"));
        let value = read()?;
        self.path.borrow_mut().pop();
        Ok(value)
    }

    fn below<E: Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) if left > 0 => Ok(Self { left, ..self }),
            _ => Err(E::custom(format!("nests deeper than {MOST_LEVELS} levels"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        // The first item is looked for at this level, so that an empty list fits the last one.
        loop {
            let part = list.len().to_string();
            match self.at(&part, || items.next_element_seed(Inner(self)))? {
                Some(item) => list.push(item),
                None => break,
            }
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let value = self.at(&key, || {
                if object.contains_key(&key) {
                    return Err(A::Error::custom(format!("the key {key:?} is there twice")));
                }
                fields.next_value_seed(Inner(self))
            })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// Reads a value inside another.
struct Inner<'p>(Level<'p>);

impl<'de> DeserializeSeed<'de> for Inner<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.0.below()?.deserialize(reader)
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::tool::gate::nests_deeper;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn refused(text: &str) -> String {
        parse_strict(text).unwrap_err().to_string()
    }

    #[test]
    fn a_key_that_is_there_twice_is_refused_with_its_place() {
        assert_eq!(
            refused(r#"{"to": "a", "to": "b"}"#),
            r#"the key "to" is there twice at line 1 column 16"#
        );
        assert!(refused(r#"[{"a": {"b": 1, "b": 1}}]"#).contains("twice"));
        assert!(refused(r#"{"a": 1, "\u0061": 2}"#).contains("twice"), "however it is written");
        assert_eq!(parse_strict(r#"{"a": {"a": 1}}"#), Ok(json!({"a": {"a": 1}})));
    }

    #[test]
    fn an_error_names_the_value_it_stands_in() {
        let path = |bytes: &[u8]| SchemaError::from(read_strict(bytes).unwrap_err()).path;
        assert_eq!(path(br#"{"a": {"b": 1, "b": 2}}"#), "/a/b");
        assert_eq!(path(br#"{"a": [1, {"x/y~": NaN}]}"#), "/a/1/x~1y~0");
        assert_eq!(path(br#"{"a": [1, 2, 1e999]}"#), "/a/2");
        assert_eq!(path(br#"{"a": ["\ud800"]}"#), "/a/0", "half a character");
        assert_eq!(path(br#"{"a": {"b": 1}} x"#), "", "what follows is outside");
        assert_eq!(path(b"{\"a\": \"\xff\"}"), "", "what is no text has no places");
        assert_eq!(path(&[b' '; MOST_BYTES + 1]), "");
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(32), "]".repeat(32));
        assert!(path(deep.as_bytes()).starts_with("/a/0/0"));
        assert_eq!(read_strict(br#"{"a": [1, {}, []]}"#), Ok(json!({"a": [1, {}, []]})));
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["NaN", "Infinity", "-Infinity", "1e999", "[NaN]", "0x1", "01"] {
            assert!(parse_strict(text).is_err(), "{text}");
        }
    }

    #[test]
    fn thirty_two_levels_are_read_and_thirty_three_refused() {
        let nested =
            |levels: usize| format!("{}1{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(!nests_deeper(&parse_strict(&nested(32)).unwrap(), 32));
        assert!(refused(&nested(33)).contains("32 levels"));
        assert!(refused(&"[".repeat(100_000)).contains("32 levels"), "and never the stack");
        let empty_at_the_bottom = "[".repeat(32) + &"]".repeat(32);
        assert!(parse_strict(&empty_at_the_bottom).is_ok());
    }

    #[test]
    fn what_is_too_large_is_not_even_read() {
        assert_eq!(parse_strict(&" ".repeat(MOST_BYTES + 1)), Err(NotStrict::TooLarge));
        assert!(refused("1 2").contains("trailing"));
    }

    proptest! {
        #[test]
        fn it_reads_what_the_usual_reader_reads(text in r#"[\[\]{}:,"a-c0-9. e-]{0,20}"#) {
            if let Ok(value) = parse_strict(&text) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            }
        }
    }
}
