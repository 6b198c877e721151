//! One part of a prompt as a template: which variables it uses, and its text with them put in.

use std::collections::BTreeMap;

use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior,
    value::{Serde, ValueKind},
};

use super::{PromptError, source::Part};

/// The most steps of one part, loops counted out: far more than a long prompt takes.
const FUEL: u64 = 50_000;

/// A part of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    text: String,
    /// The line of the file that it begins on.
    line: u64,
}

impl Template {
    pub(super) fn new(part: &Part) -> Self {
        let lead = part.text.len() - part.text.trim_start().len();
        let before = part.text.get(..lead).unwrap_or_default().matches('\n').count() as u64;
        Self { text: part.text.trim().to_owned(), line: part.line + before }
    }

    /// Returns the variables it uses, each with the line where it first stands.
    pub(super) fn variables(&self, file: &str) -> Result<BTreeMap<String, u64>, PromptError> {
        let environment = environment();
        let template = environment.template_from_str(&self.text).map_err(|error| {
            let hint = "templates are those of minijinja, without include and import";
            PromptError::at(file, self.line_of(&error), words(&error), hint)
        })?;
        let globals: Vec<_> = environment.globals().map(|(name, _)| name.to_owned()).collect();
        let used = template.undeclared_variables(false).into_iter();
        let used = used.filter(|name| !globals.contains(name));
        Ok(used.map(|name| (name.clone(), self.line_with(&name))).collect())
    }

    /// Returns the text with the variables put in, or why there is none.
    pub(super) fn render(
        &self,
        context: &BTreeMap<&str, serde_json::Value>,
    ) -> Result<String, String> {
        let rendered = environment().render_str(&self.text, Serde(context));
        let text = rendered.map_err(|error| {
            format!("cannot be filled on line {}: {}", self.line_of(&error), words(&error))
        })?;
        Ok(text.trim().to_owned())
    }

    fn line_of(&self, error: &Error) -> u64 {
        self.line + (error.line().unwrap_or(1) as u64).saturating_sub(1)
    }

    fn line_with(&self, name: &str) -> u64 {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let has = |line: &str| line.split(|c: char| !word(c)).any(|found| found == name);
        self.line + self.text.lines().position(has).unwrap_or(0) as u64
    }
}

/// Nothing in it reaches a file, another template or a clock, and a text is put in as it is.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(|out, state, value| {
        // A list in the middle of a sentence is a slip of the author's, who meant a loop.
        if matches!(value.kind(), ValueKind::Seq | ValueKind::Map) {
            let problem =
                format!("a {} cannot be put into a text: go through it with `for`", value.kind());
            return Err(Error::new(ErrorKind::NonPrimitive, problem));
        }
        minijinja::escape_formatter(out, state, value)
    });
    environment
}

fn words(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}
