//! What a step's outcome should be, as far as code can say.

use std::fmt;

use serde_json::Value;

use crate::tool::ToolOutcome;

use super::slot::is_pointer;

/// A step's `expect`, as code understands it.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// `found`: it returned something.
    Found,
    /// `empty`: it worked, and there was nothing.
    Empty,
    /// `/pointer`, `/pointer = JSON` or `= JSON`: its output has something there, or just this.
    At {
        /// Where, as a JSON pointer; empty for all of it.
        path: String,
        /// What, if it matters.
        equals: Option<Value>,
    },
    /// Anything else is words, for a critic. Code asks for no more than that it worked.
    Words(String),
}

/// Why an outcome is not what was expected. It holds nothing that a tool returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet {
    /// It did not work, or nobody knows.
    DidNotWork,
    /// There was nothing.
    NothingThere,
    /// There was something.
    SomethingThere,
    /// The output is another one at the place that was named.
    Differs,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DidNotWork => "the call did not work",
            Self::NothingThere => "there is nothing where something was expected",
            Self::SomethingThere => "there is something where nothing was expected",
            Self::Differs => "the value is another one than was expected",
        })
    }
}

impl Expectation {
    /// Reads a step's `expect`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let (path, literal) = match text.split_once('=') {
            Some((path, literal)) => (path.trim(), Some(literal.trim())),
            None => (text, None),
        };
        let equals = literal.map(|literal| serde_json::from_str(literal).ok());
        match (text, equals) {
            ("found", _) => Self::Found,
            ("empty", _) => Self::Empty,
            (_, None) if text.starts_with('/') && is_pointer(text) => {
                Self::At { path: text.to_owned(), equals: None }
            }
            (_, Some(Some(value))) if is_pointer(path) => {
                Self::At { path: path.to_owned(), equals: Some(value) }
            }
            _ => Self::Words(text.to_owned()),
        }
    }

    /// Compares an outcome with what was expected.
    ///
    /// # Errors
    /// It is not as expected.
    pub fn check(&self, outcome: &ToolOutcome) -> Result<(), Unmet> {
        let value = match outcome {
            ToolOutcome::Found(value) => Some(value),
            ToolOutcome::Empty => None,
            ToolOutcome::Failed(_) | ToolOutcome::Denied(_) | ToolOutcome::InDoubt(_) => {
                return Err(Unmet::DidNotWork);
            }
        };
        match self {
            Self::Found => value.map(|_| ()).ok_or(Unmet::NothingThere),
            Self::Empty => value.map_or(Ok(()), |_| Err(Unmet::SomethingThere)),
            Self::At { path, equals } => at(value, path, equals.as_ref()),
            Self::Words(_) => Ok(()),
        }
    }
}

fn at(value: Option<&Value>, path: &str, equals: Option<&Value>) -> Result<(), Unmet> {
    let found = value.and_then(|value| value.pointer(path));
    match (found, equals) {
        (None, _) => Err(Unmet::NothingThere),
        (Some(Value::Null), None) => Err(Unmet::NothingThere),
        (Some(_), None) => Ok(()),
        (Some(found), Some(wanted)) if found == wanted => Ok(()),
        (Some(_), Some(_)) => Err(Unmet::Differs),
    }
}
