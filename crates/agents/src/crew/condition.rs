//! Whether a task is done at all: a pure test of the outputs before it.

use mainstay_core::flow::check::near;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// When a task is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Every one of these holds.
    All(Vec<Self>),
    /// One of these holds.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// An output is so.
    Output(OutputTest),
    /// A function in code says so, by its name.
    Code(String),
}

/// A test of one output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputTest {
    /// The task whose output is looked at; the one before when absent.
    pub task: Option<String>,
    /// Where in the output's JSON, as a JSON pointer; the text of the output when absent.
    pub path: Option<String>,
    /// What has to hold of it.
    pub test: Test,
}

/// What has to hold of a value. None of them holds of a value that is not there, but
/// `exists: false`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// The text has this in it, whatever the case; a list has it as an item.
    Contains(String),
    /// It is this.
    Equals(Value),
    /// It is a number above this.
    Above(f64),
    /// It is a number below this.
    Below(f64),
    /// It is there, and neither null nor empty; or it is not.
    Exists(bool),
}

/// What a condition looks at: the outputs there are.
pub trait Outputs {
    /// Returns the output of a task, or of the last one, as text and as JSON; `None` if it was not
    /// done.
    fn of(&self, task: Option<&str>) -> Option<(&str, Option<&Value>)>;

    /// Returns what a function in code says; `None` if there is none of that name.
    fn code(&self, name: &str) -> Option<bool>;
}

impl Condition {
    /// Returns whether it holds.
    ///
    /// # Errors
    /// The name of a function that does not exist: what cannot be asked neither holds nor fails.
    pub fn holds(&self, outputs: &dyn Outputs) -> Result<bool, String> {
        match self {
            Self::All(parts) => each(parts, outputs, false).map(|found| !found),
            Self::Any(parts) => each(parts, outputs, true),
            Self::Not(part) => part.holds(outputs).map(|holds| !holds),
            Self::Output(test) => Ok(test.holds(outputs)),
            Self::Code(name) => outputs.code(name).ok_or_else(|| name.clone()),
        }
    }

    /// Returns the tasks that it looks at by name.
    #[must_use]
    pub fn tasks(&self) -> Vec<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::tasks).collect(),
            Self::Not(part) => part.tasks(),
            Self::Output(test) => test.task.as_deref().into_iter().collect(),
            Self::Code(_) => Vec::new(),
        }
    }

    /// Returns the functions in code that it asks.
    #[must_use]
    pub fn functions(&self) -> Vec<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::functions).collect(),
            Self::Not(part) => part.functions(),
            Self::Output(_) => Vec::new(),
            Self::Code(name) => vec![name],
        }
    }

    /// Reads a condition as it stands in a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(value: &Value) -> Result<Self, String> {
        if let Value::String(name) = value {
            return Ok(Self::Code(name.clone()));
        }
        let Value::Object(fields) = value else {
            return Err("a condition is a mapping, or the name of a function in code".to_owned());
        };
        if let Some(unknown) = fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(format!("a condition has no `{unknown}`; {}", near::hint(unknown, FIELDS)));
        }
        let listed = ["all", "any", "not"].into_iter().find(|key| fields.contains_key(*key));
        match listed {
            Some(word) if fields.len() == 1 => Self::read_joined(word, &value[word]),
            Some(word) => Err(format!("`{word}` stands alone in a condition")),
            None => OutputTest::read(value).map(Self::Output),
        }
    }

    fn read_joined(word: &str, value: &Value) -> Result<Self, String> {
        if word == "not" {
            return Self::read(value).map(|part| Self::Not(Box::new(part)));
        }
        let Value::Array(parts) = value else { return Err(format!("`{word}` takes a list")) };
        let parts = parts.iter().map(Self::read).collect::<Result<Vec<_>, _>>()?;
        Ok(if word == "all" { Self::All(parts) } else { Self::Any(parts) })
    }
}

const FIELDS: [&str; 10] =
    ["all", "any", "not", "task", "json", "contains", "equals", "above", "below", "exists"];

/// Returns whether one of them is as wanted.
fn each(parts: &[Condition], outputs: &dyn Outputs, wanted: bool) -> Result<bool, String> {
    for part in parts {
        if part.holds(outputs)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

impl OutputTest {
    fn read(value: &Value) -> Result<Self, String> {
        let text = |key: &str| match value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("`{key}` takes a text")),
        };
        let number = |key: &str| match value.get(key) {
            None => Ok(None),
            Some(number) => number.as_f64().map(Some).ok_or(format!("`{key}` takes a number")),
        };
        let exists = match value.get("exists") {
            None => None,
            Some(Value::Bool(exists)) => Some(Test::Exists(*exists)),
            Some(_) => return Err("`exists` takes true or false".to_owned()),
        };
        let tests = [
            text("contains")?.map(Test::Contains),
            value.get("equals").cloned().map(Test::Equals),
            number("above")?.map(Test::Above),
            number("below")?.map(Test::Below),
            exists,
        ];
        let mut tests = tests.into_iter().flatten();
        let (Some(test), None) = (tests.next(), tests.next()) else {
            return Err(
                "a condition has one of `contains`, `equals`, `above`, `below` and `exists`"
                    .to_owned(),
            );
        };
        let path = text("json")?;
        if path.as_ref().is_some_and(|path| !path.is_empty() && !path.starts_with('/')) {
            return Err("`json` takes a JSON pointer, such as `/risk`".to_owned());
        }
        Ok(Self { task: text("task")?, path, test })
    }

    fn holds(&self, outputs: &dyn Outputs) -> bool {
        let found = outputs.of(self.task.as_deref()).and_then(|(raw, json)| match &self.path {
            Some(path) => json?.pointer(path).cloned(),
            None => Some(Value::from(raw)),
        });
        self.test.holds(found.as_ref())
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        let number = value.and_then(Value::as_f64);
        match self {
            Self::Contains(wanted) => value.is_some_and(|value| contains(value, wanted)),
            Self::Equals(wanted) => value == Some(wanted),
            Self::Above(bound) => number.is_some_and(|number| number > *bound),
            Self::Below(bound) => number.is_some_and(|number| number < *bound),
            Self::Exists(wanted) => value.is_some_and(is_something) == *wanted,
        }
    }
}

fn contains(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text.to_lowercase().contains(&wanted.to_lowercase()),
        Value::Array(items) => items.iter().any(|item| item.as_str() == Some(wanted)),
        Value::Object(fields) => fields.contains_key(wanted),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Risk(Value);

    impl Outputs for Risk {
        fn of(&self, task: Option<&str>) -> Option<(&str, Option<&Value>)> {
            (task != Some("skipped")).then_some(("High risk found", Some(&self.0)))
        }

        fn code(&self, name: &str) -> Option<bool> {
            (name == "is_late").then_some(true)
        }
    }

    fn holds(condition: Value) -> bool {
        let outputs = Risk(json!({"risk": 7, "flags": ["late"], "note": ""}));
        Condition::read(&condition).unwrap().holds(&outputs).unwrap()
    }

    #[test]
    fn a_condition_looks_at_text_and_json() {
        let holding = [
            json!({"contains": "RISK"}),
            json!({"json": "/risk", "above": 6}),
            json!({"json": "/risk", "below": 7.5}),
            json!({"json": "/risk", "equals": 7}),
            json!({"json": "/flags", "contains": "late"}),
            json!({"json": "/note", "exists": false}),
            json!({"task": "skipped", "exists": false}),
            json!({"not": {"json": "/risk", "above": 7}}),
            json!({"all": [{"contains": "high"}, "is_late"]}),
            json!({"any": [{"contains": "low"}, {"contains": "high"}]}),
        ];
        for condition in holding {
            assert!(holds(condition.clone()), "{condition}");
            assert!(!holds(json!({"not": condition})));
        }
        for condition in [json!({"task": "skipped", "contains": "risk"}), json!({"any": []})] {
            assert!(!holds(condition.clone()), "{condition}");
        }
    }

    #[test]
    fn what_cannot_be_asked_neither_holds_nor_fails() {
        let missing = Condition::Not(Box::new(Condition::Code("no_such".into())));
        assert_eq!(missing.holds(&Risk(json!({}))), Err("no_such".to_owned()));
    }

    #[test]
    fn a_condition_that_says_two_things_or_none_is_refused() {
        let wrong = [
            (json!({}), "a condition has one of"),
            (json!({"contains": "a", "equals": 1}), "a condition has one of"),
            (json!({"contain": "a"}), "a condition has no `contain`; did you mean `contains`?"),
            (json!({"all": [], "contains": "a"}), "`all` stands alone"),
            (json!({"json": "risk", "above": 1}), "`json` takes a JSON pointer"),
            (json!({"above": "1"}), "`above` takes a number"),
            (json!(3), "a condition is a mapping"),
        ];
        for (condition, problem) in wrong {
            let told = Condition::read(&condition).unwrap_err();
            assert!(told.contains(problem), "{condition}: {told}");
        }
    }
}
