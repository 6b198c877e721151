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
const ROOM: usize = 1_024;

/// Returns `value` as canonical JSON (RFC 8785): equal values give equal bytes.
///
/// # Errors
/// The value has a non-finite number, a map whose keys are not strings, or an integer beyond 2^53,
/// which would read back as another one: write it as text.
pub fn canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let mut bytes = Vec::with_capacity(ROOM);
    value.serialize(Writer(&mut bytes))?;
    Ok(bytes)
}

impl ser::Error for NotCanonical {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self(why.to_string())
    }
}

/// Writes one value at the end of the bytes.
struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    /// Writes a text. Nearly all need no escape and are copied as they are: the look at their bytes
    /// has no early end, so that the compiler takes many at a time.
    fn text(self, text: &str) -> Result<(), NotCanonical> {
        let as_it_is = |byte: &u8| (*byte >= b' ') & (*byte != b'"') & (*byte != b'\\');
        if !text.as_bytes().iter().fold(true, |all, byte| all & as_it_is(byte)) {
            return self.json(text);
        }
        self.0.reserve(text.len() + 2);
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
        Ok(())
    }

    /// Writes what `serde_json` writes canonically by itself: integers and texts with escapes.
    fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotCanonical> {
        serde_json::to_writer(self.0, value).map_err(ser::Error::custom)
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
        self.0.push(b'[');
        Array { to: self.0, closing: "]" }
    }

    fn object(self, fields: usize) -> Object<'a> {
        self.0.push(b'{');
        let start = self.0.len();
        Object { to: self.0, start, fields: Vec::with_capacity(fields), name: None, closing: "}" }
    }

    /// Begins an object of one field, the name of a variant.
    fn variant(self, name: &str) -> Result<Self, NotCanonical> {
        self.0.push(b'{');
        Writer(self.0).text(name)?;
        self.0.push(b':');
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
        self.0.extend(text);
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
        self.0.extend_from_slice(b"null");
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
        to.push(b'}');
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

    fn serialize_map(self, len: Option<usize>) -> Result<Object<'a>, NotCanonical> {
        Ok(self.object(len.unwrap_or_default()))
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Object<'a>, NotCanonical> {
        Ok(self.object(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Object<'a>, NotCanonical> {
        Ok(Object { closing: "}}", ..self.variant(variant)?.object(len) })
    }
}

/// An array that is being written, each item with a comma behind it.
struct Array<'a> {
    to: &'a mut Vec<u8>,
    closing: &'static str,
}

impl Array<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        value.serialize(Writer(self.to))?;
        self.to.push(b',');
        Ok(())
    }

    fn close(self) {
        close(self.to, self.closing);
    }
}

/// Ends an array or an object: its last comma goes.
fn close(to: &mut Vec<u8>, closing: &str) {
    to.pop_if(|last| *last == b',');
    to.extend_from_slice(closing.as_bytes());
}

/// A field that was written: its name, and where it ends, with the comma behind it.
type Field = (Cow<'static, str>, usize);

/// An object that is being written. Its fields are put in order in the end, if they are not.
struct Object<'a> {
    to: &'a mut Vec<u8>,
    /// Where the first field begins.
    start: usize,
    fields: Vec<Field>,
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
        Writer(self.to).text(&name)?;
        self.to.push(b':');
        value.serialize(Writer(self.to))?;
        self.to.push(b',');
        self.fields.push((name, self.to.len()));
        Ok(())
    }

    fn close(mut self) {
        let sorted = |one: &Field, next: &Field| in_utf16(&one.0, &next.0) == Ordering::Less;
        if !self.fields.is_sorted_by(sorted) {
            self.sort();
        }
        close(self.to, self.closing);
    }

    /// Writes the fields again, in order; of two with one name the later counts.
    fn sort(&mut self) {
        let written = self.to.split_off(self.start);
        let mut from = 0;
        let mut texts: Vec<(&str, &[u8])> = Vec::with_capacity(self.fields.len());
        for (name, end) in &self.fields {
            let to = end - self.start;
            texts.push((name, written.get(from..to).unwrap_or_default()));
            from = to;
        }
        texts.sort_by(|(one, _), (other, _)| in_utf16(one, other));
        for (place, (name, text)) in texts.iter().enumerate() {
            if texts.get(place + 1).is_none_or(|(next, _)| next != name) {
                self.to.extend_from_slice(text);
            }
        }
    }
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
