//! Writing values as canonical JSON (RFC 8785), in one pass.
//!
//! Ours, because every step of every run goes through it, and libraries make a tree of the value
//! first. What is hard, the one text of a number with a fraction, is still the library's, and the
//! tests hold the whole against it.

use std::{borrow::Cow, cmp::Ordering, fmt};

use serde::{Serialize, Serializer, ser};
use serde_json::Value;

use super::NotCanonical;

/// The largest integer that is exact as a JSON number everywhere (RFC 8785, section 3.2.2.3).
const LARGEST_EXACT: u64 = 1 << 53;

/// Most entries and many values fit into this.
const ROOM: usize = 2_048;

/// So many fields of all objects that are being written at one time, in most entries.
const FIELDS: usize = 32;

/// Returns `value` as canonical JSON (RFC 8785): equal values give equal bytes.
///
/// # Errors
/// The value has a non-finite number, a map whose keys are not strings, or an integer beyond 2^53,
/// which would read back as another one: write it as text.
pub fn canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let fields = Vec::with_capacity(FIELDS);
    let mut text = Text { bytes: Vec::with_capacity(ROOM), fields, moved: Vec::new() };
    value.serialize(Writer(&mut text))?;
    Ok(text.bytes)
}

/// Returns whether a value that can be written is read back as the same: a number without a fraction
/// is written like an integer, and read as one. Where another crate has maps keep the order in which
/// they were filled, what is read back is in the order in which it was written.
#[must_use]
pub fn reads_back(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(items) => items.iter().all(reads_back),
        Value::Object(fields) => {
            let in_order = |one: &&String, next: &&String| in_utf16(one, next) == Ordering::Less;
            fields.keys().is_sorted_by(in_order) && fields.values().all(reads_back)
        }
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

impl ser::Error for NotCanonical {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self(why.to_string())
    }
}

/// What was written so far.
struct Text {
    bytes: Vec<u8>,
    /// The fields of objects that are being written, those of the innermost last.
    fields: Vec<Field>,
    /// Where fields stand while they are put in order.
    moved: Vec<u8>,
}

/// Writes one value at the end of the text.
struct Writer<'a>(&'a mut Text);

impl<'a> Writer<'a> {
    /// Writes a text. Nearly all need no escape and are copied as they are: the look at their bytes
    /// has no early end, so that the compiler takes many at a time.
    fn text(self, text: &str) -> Result<(), NotCanonical> {
        let as_it_is = |byte: &u8| (*byte >= b' ') & (*byte != b'"') & (*byte != b'\\');
        if !text.as_bytes().iter().fold(true, |all, byte| all & as_it_is(byte)) {
            return self.json(text);
        }
        let bytes = &mut self.0.bytes;
        bytes.reserve(text.len() + 2);
        bytes.push(b'"');
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'"');
        Ok(())
    }

    /// Writes what `serde_json` writes canonically by itself: integers and texts with escapes.
    fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotCanonical> {
        serde_json::to_writer(&mut self.0.bytes, value).map_err(ser::Error::custom)
    }

    fn unsigned(self, number: u64) -> Result<(), NotCanonical> {
        if number > LARGEST_EXACT { Err(inexact(number)) } else { self.json(&number) }
    }

    fn signed(self, number: i64) -> Result<(), NotCanonical> {
        if number.unsigned_abs() > LARGEST_EXACT {
            Err(inexact(number))
        } else {
            self.json(&number)
        }
    }

    fn array(self) -> Array<'a> {
        self.0.bytes.push(b'[');
        Array { to: self.0, closing: "]" }
    }

    fn object(self) -> Object<'a> {
        self.0.bytes.push(b'{');
        let (start, first) = (self.0.bytes.len(), self.0.fields.len());
        Object { to: self.0, start, first, name: None, closing: "}" }
    }

    /// Begins an object of one field, the name of a variant.
    fn variant(self, name: &str) -> Result<Self, NotCanonical> {
        self.0.bytes.push(b'{');
        Writer(self.0).text(name)?;
        self.0.bytes.push(b':');
        Ok(self)
    }
}

fn inexact(number: impl fmt::Display) -> NotCanonical {
    NotCanonical(format!("{number} is not exact as a number; write it as text"))
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = NotCanonical;
    type SerializeSeq = Array<'a>;
    type SerializeTuple = Array<'a>;
    type SerializeTupleStruct = Array<'a>;
    type SerializeTupleVariant = Array<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    fn serialize_bool(self, truth: bool) -> Result<(), NotCanonical> {
        self.json(&truth)
    }

    fn serialize_i8(self, number: i8) -> Result<(), NotCanonical> {
        self.json(&number)
    }

    fn serialize_i16(self, number: i16) -> Result<(), NotCanonical> {
        self.json(&number)
    }

    fn serialize_i32(self, number: i32) -> Result<(), NotCanonical> {
        self.json(&number)
    }

    fn serialize_i64(self, number: i64) -> Result<(), NotCanonical> {
        self.signed(number)
    }

    fn serialize_u8(self, number: u8) -> Result<(), NotCanonical> {
        self.json(&number)
    }

    fn serialize_u16(self, number: u16) -> Result<(), NotCanonical> {
        self.json(&number)
    }

    fn serialize_u32(self, number: u32) -> Result<(), NotCanonical> {
        self.json(&number)
    }

    fn serialize_u64(self, number: u64) -> Result<(), NotCanonical> {
        self.unsigned(number)
    }

    fn serialize_f32(self, number: f32) -> Result<(), NotCanonical> {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Result<(), NotCanonical> {
        let text = serde_json_canonicalizer::to_vec(&number).map_err(ser::Error::custom)?;
        self.0.bytes.extend(text);
        Ok(())
    }

    fn serialize_char(self, letter: char) -> Result<(), NotCanonical> {
        self.json(&letter)
    }

    fn serialize_str(self, text: &str) -> Result<(), NotCanonical> {
        self.text(text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), NotCanonical> {
        self.json(bytes)
    }

    fn serialize_none(self) -> Result<(), NotCanonical> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotCanonical> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotCanonical> {
        self.0.bytes.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotCanonical> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), NotCanonical> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotCanonical> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), NotCanonical> {
        let Writer(to) = self.variant(variant)?;
        value.serialize(Writer(to))?;
        to.bytes.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Array<'a>, NotCanonical> {
        Ok(self.array())
    }

    fn serialize_tuple(self, _: usize) -> Result<Array<'a>, NotCanonical> {
        Ok(self.array())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Array<'a>, NotCanonical> {
        Ok(self.array())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Array<'a>, NotCanonical> {
        Ok(Array { closing: "]}", ..self.variant(variant)?.array() })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, NotCanonical> {
        Ok(self.object())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'a>, NotCanonical> {
        Ok(self.object())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'a>, NotCanonical> {
        Ok(Object { closing: "}}", ..self.variant(variant)?.object() })
    }
}

/// An array that is being written, each item with a comma behind it.
struct Array<'a> {
    to: &'a mut Text,
    closing: &'static str,
}

impl Array<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        value.serialize(Writer(self.to))?;
        self.to.bytes.push(b',');
        Ok(())
    }

    fn close(self) {
        close(&mut self.to.bytes, self.closing);
    }
}

/// Ends an array or an object: its last comma goes.
fn close(to: &mut Vec<u8>, closing: &str) {
    to.pop_if(|last| *last == b',');
    to.extend_from_slice(closing.as_bytes());
}

/// A field that was written: its name, and from where to where it stands, with the comma behind it.
struct Field {
    name: Cow<'static, str>,
    from: usize,
    to: usize,
}

/// An object that is being written. Its fields are put in order in the end, if they are not.
struct Object<'a> {
    to: &'a mut Text,
    /// Where the first field begins.
    start: usize,
    /// The place of its first field among those of all objects.
    first: usize,
    /// The key of a map that waits for its value.
    name: Option<Cow<'static, str>>,
    closing: &'static str,
}

impl Object<'_> {
    fn field<T: Serialize + ?Sized>(
        &mut self,
        name: Cow<'static, str>,
        value: &T,
    ) -> Result<(), NotCanonical> {
        let from = self.to.bytes.len();
        Writer(self.to).text(&name)?;
        self.to.bytes.push(b':');
        value.serialize(Writer(self.to))?;
        self.to.bytes.push(b',');
        self.to.fields.push(Field { name, from, to: self.to.bytes.len() });
        Ok(())
    }

    fn close(self) {
        let sorted = |one: &Field, next: &Field| in_utf16(&one.name, &next.name) == Ordering::Less;
        let mine = self.to.fields.get_mut(self.first..).unwrap_or_default();
        if !mine.is_sorted_by(sorted) {
            sort(&mut self.to.bytes, self.start, mine, &mut self.to.moved);
        }
        self.to.fields.truncate(self.first);
        close(&mut self.to.bytes, self.closing);
    }
}

/// Writes the fields again, in order, from `start` on; of two with one name the later counts.
fn sort(bytes: &mut Vec<u8>, start: usize, fields: &mut [Field], moved: &mut Vec<u8>) {
    fields.sort_by(|one, other| in_utf16(&one.name, &other.name));
    moved.clear();
    for (place, field) in fields.iter().enumerate() {
        if fields.get(place + 1).is_none_or(|next| next.name != field.name) {
            moved.extend_from_slice(bytes.get(field.from..field.to).unwrap_or_default());
        }
    }
    bytes.truncate(start);
    bytes.extend_from_slice(moved);
}

/// The order of UTF-16 code units, which is that of bytes for ASCII (RFC 8785, section 3.2.3).
fn in_utf16(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() {
        return one.cmp(other);
    }
    one.encode_utf16().cmp(other.encode_utf16())
}

macro_rules! arrays {
    ($($kind:ident :: $item:ident),*) => {$(
        impl ser::$kind for Array<'_> {
            type Ok = ();
            type Error = NotCanonical;

            fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
                self.item(value)
            }

            fn end(self) -> Result<(), NotCanonical> {
                self.close();
                Ok(())
            }
        }
    )*};
}
arrays!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! objects {
    ($($kind:ident),*) => {$(
        impl ser::$kind for Object<'_> {
            type Ok = ();
            type Error = NotCanonical;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), NotCanonical> {
                self.field(Cow::Borrowed(name), value)
            }

            fn end(self) -> Result<(), NotCanonical> {
                self.close();
                Ok(())
            }
        }
    )*};
}
objects!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = NotCanonical;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotCanonical> {
        self.name = Some(Cow::Owned(match serde_json::to_value(key) {
            Ok(Value::String(name)) => name,
            Ok(Value::Number(number)) => number.to_string(),
            Ok(Value::Bool(truth)) => truth.to_string(),
            Ok(key) => return Err(NotCanonical(format!("{key} is no key"))),
            Err(error) => return Err(ser::Error::custom(error)),
        }));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        let name = self.name.take().ok_or_else(|| NotCanonical("a value without a key".into()))?;
        self.field(name, value)
    }

    fn end(self) -> Result<(), NotCanonical> {
        self.close();
        Ok(())
    }
}
