//! Slots: holes in a step's arguments that are bound to the output of an earlier step.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

/// The id by which slots call the run's input; no step may have it.
pub const INPUT: &str = "input";

const FROM: &str = "$from";
const PATH: &str = "path";

/// `{"$from": "STEP", "path": "/json/pointer"}`: a value of an earlier step's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The step, or [`INPUT`].
    pub from: String,
    /// Where in its output, as a JSON pointer; empty for all of it.
    pub path: String,
}

/// The outputs that slots may be bound to, by step.
pub type Outputs = BTreeMap<String, Value>;

impl Slot {
    /// Reads an object as a slot: `None` if it is an ordinary object.
    ///
    /// # Errors
    /// It names a source and is no sound slot; the text says why.
    pub fn of(object: &Map<String, Value>) -> Result<Option<Self>, String> {
        let Some(from) = object.get(FROM) else { return Ok(None) };
        let from = from.as_str().ok_or("`$from` must be the id of a step")?;
        if let Some(other) = object.keys().find(|key| *key != FROM && *key != PATH) {
            return Err(format!("a slot has `$from` and `path` alone, not `{other}`"));
        }
        let path = object.get(PATH).map_or(Some(""), Value::as_str);
        let path = path.filter(|path| is_pointer(path)).ok_or(
            "`path` must be a JSON pointer: empty, or names that each follow a `/`, with `~0` for \
             `~` and `~1` for `/`",
        )?;
        Ok(Some(Self { from: from.to_owned(), path: path.to_owned() }))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.from, self.path)
    }
}

/// Returns whether a text is a JSON pointer of RFC 6901.
pub(super) fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    escapes && (text.is_empty() || text.starts_with('/'))
}

/// Returns a pointer that leads on by one name.
pub(super) fn below(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Returns every slot inside a value with its place as a JSON pointer, in order; or why an object
/// that looks like one is none.
#[must_use]
pub fn slots(value: &Value) -> Vec<(String, Result<Slot, String>)> {
    let mut found = Vec::new();
    collect(value, String::new(), &mut found);
    found
}

fn collect(value: &Value, path: String, found: &mut Vec<(String, Result<Slot, String>)>) {
    match value {
        Value::Object(fields) => match Slot::of(fields) {
            Ok(Some(slot)) => found.push((path, Ok(slot))),
            Err(why) => found.push((path, Err(why))),
            Ok(None) => {
                fields.iter().for_each(|(name, inner)| collect(inner, below(&path, name), found));
            }
        },
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(at, item)| collect(item, format!("{path}/{at}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A slot whose step has no such output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved(pub Slot);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the output of `{}` has nothing at `{}`", self.0.from, self.0.path)
    }
}

impl std::error::Error for Unresolved {}

/// Returns the arguments with each slot replaced by its value. What comes out of a slot is a value
/// and is not looked into: an output that looks like a slot is none.
///
/// # Errors
/// A slot has no value.
pub fn fill(arguments: &Value, outputs: &Outputs) -> Result<Value, Unresolved> {
    replace(arguments, &|slot| {
        let value = outputs.get(&slot.from).and_then(|output| output.pointer(&slot.path));
        value.cloned().ok_or_else(|| Unresolved(slot.clone()))
    })
}

/// Returns the value with each slot replaced by what `with` makes of it.
pub(super) fn replace<E>(
    value: &Value,
    with: &impl Fn(&Slot) -> Result<Value, E>,
) -> Result<Value, E> {
    match value {
        Value::Object(fields) => match Slot::of(fields) {
            Ok(Some(slot)) => with(&slot),
            Ok(None) | Err(_) => {
                let filled = fields.iter().map(|(name, v)| Ok((name.clone(), replace(v, with)?)));
                filled.collect::<Result<Map<_, _>, E>>().map(Value::Object)
            }
        },
        Value::Array(items) => {
            items.iter().map(|item| replace(item, with)).collect::<Result<_, E>>().map(Value::Array)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
    }
}
