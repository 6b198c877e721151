//! The front matter: name, version, what it is for, variables, and whom it was written for.

use std::collections::BTreeMap;

use mainstay_core::model::ModelName;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::{PromptError, Variable, VariableType};

/// Front matter as it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontFile {
    name: Spanned<String>,
    version: Spanned<u32>,
    description: String,
    model: Option<ModelName>,
    max_output_tokens: Option<Spanned<u32>>,
    #[serde(default)]
    variables: BTreeMap<String, Spanned<VariableFile>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableFile {
    #[serde(rename = "type")]
    kind: VariableType,
    #[serde(default)]
    untrusted: bool,
    #[serde(default)]
    description: String,
}

/// Front matter that is sound.
pub(super) struct Front {
    pub(super) name: String,
    pub(super) name_line: u64,
    pub(super) version: u32,
    pub(super) description: String,
    pub(super) model: Option<ModelName>,
    pub(super) max_output_tokens: Option<u32>,
    pub(super) variables: BTreeMap<String, Variable>,
}

impl Front {
    /// Reads front matter whose lines are numbered as in the file.
    pub(super) fn read(file: &str, yaml: &str) -> Result<Self, PromptError> {
        let front: FrontFile =
            serde_saphyr::from_str(yaml).map_err(|error| unreadable(file, &error))?;
        let wrong = |place: Location, problem: &str, hint: &str| {
            Err(PromptError::at(file, place.line(), problem, hint))
        };
        if !is_name(&front.name.value) {
            return wrong(
                front.name.referenced,
                "`name` is no name",
                "write a word of small letters, digits, `-` and `_`, such as `classify`",
            );
        }
        if front.version.value == 0 {
            let hint = "a version is a whole number from 1";
            return wrong(front.version.referenced, "`version` is 0", hint);
        }
        if let Some(limit) = front.max_output_tokens.as_ref().filter(|limit| limit.value == 0) {
            let hint = "leave it out for the usual length";
            return wrong(limit.referenced, "`max_output_tokens` is 0", hint);
        }
        for (name, variable) in &front.variables {
            let (place, variable) = (variable.referenced, &variable.value);
            if !is_name(name) || name.contains('-') {
                let hint = "write a word of small letters, digits and `_`";
                return wrong(place, &format!("`{name}` is no variable's name"), hint);
            }
            if variable.untrusted && variable.kind != VariableType::String {
                let problem = format!("`{name}` is untrusted and not a string");
                return wrong(place, &problem, "what is marked is text: hand it in as one");
            }
        }
        Ok(front.into())
    }
}

impl From<FrontFile> for Front {
    fn from(file: FrontFile) -> Self {
        let variables = file.variables.into_iter().map(|(name, variable)| {
            let VariableFile { kind, untrusted, description } = variable.value;
            (name, Variable { kind, untrusted, description })
        });
        Self {
            name_line: file.name.referenced.line(),
            name: file.name.value,
            version: file.version.value,
            description: file.description,
            model: file.model,
            max_output_tokens: file.max_output_tokens.map(|limit| limit.value),
            variables: variables.collect(),
        }
    }
}

fn is_name(text: &str) -> bool {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(rest)
}

fn unreadable(file: &str, error: &serde_saphyr::Error) -> PromptError {
    let place = error.location().unwrap_or(Location::UNKNOWN);
    let text = error.without_snippet().to_string();
    let problem = text.lines().next().unwrap_or_default();
    // The place stands at the front already.
    let problem = problem.split(" at line ").next().unwrap_or(problem);
    let problem = problem.split(": ").last().unwrap_or(problem);
    // What is missing stands on no line.
    let line = if problem.starts_with("missing ") { 0 } else { place.line() };
    PromptError::at(file, line, problem, "docs/prompts.md shows every field of a prompt")
}
