//! `mainstay.toml`: found, read, and overlaid with `MAINSTAY__SECTION__KEY`. What is not known is
//! refused where it stands: a misspelt limit that is silently ignored is no limit.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use mainstay_core::{code::Code, flow::check::near};
use serde::Deserialize;
use toml::{Table, Value};

use super::{
    http::{HttpSection, SecretsSection},
    mcp::McpSection,
    policy::{self, PolicySection},
    process::ProcessSection,
    section::ModelsSection,
    workers::WorkerSection,
};
use crate::{budget::BudgetTable, cli::error::CliError};

/// Where the file is looked for when nothing names it.
const USUAL: &str = "mainstay.toml";

/// What begins the name of a variable that stands for a key of the file.
const PREFIX: &str = "MAINSTAY__";

/// Variables whose key has another name in the file; they are older than the file.
const OLDER: [(&str, &str); 3] = [
    ("MODELS__FRONTIER", "MODELS__TIERS__FRONTIER"),
    ("MODELS__WORKHORSE", "MODELS__TIERS__WORKHORSE"),
    ("MODELS__FAST", "MODELS__TIERS__FAST"),
];

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) models: ModelsSection,
    pub(super) budgets: Vec<BudgetTable>,
    pub(super) workers: BTreeMap<String, WorkerSection>,
    pub(super) links: LinksSection,
    pub(super) secrets: SecretsSection,
    pub(super) http: BTreeMap<String, HttpSection>,
    pub(super) mcp: BTreeMap<String, McpSection>,
    pub(super) mcp_pins: Option<String>,
    pub(super) policy: PolicySection,
    pub(super) process: ProcessSection,
}

/// `[links]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LinksSection {
    pub(super) hosts: Vec<String>,
}

/// Returns the folder that paths in the file are relative to.
pub(super) fn folder(named: Option<&str>) -> PathBuf {
    Path::new(named.unwrap_or(USUAL)).parent().unwrap_or(Path::new("")).to_owned()
}

/// Reads the file that `named` names, or the usual one if it is there, under the variables.
pub(super) fn load(
    named: Option<&str>,
    variables: &BTreeMap<String, String>,
) -> Result<File, CliError> {
    let path = Path::new(named.unwrap_or(USUAL));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => {
            let message = format!("{} cannot be read: {error}", path.display());
            return Err(CliError::new(Code::InvalidConfig, message).with_hint(
                "correct MAINSTAY_CONFIG, or write the file; docs/models.md shows one",
            ));
        }
    };
    read(&path.display().to_string(), &text, variables)
}

pub(super) fn read(
    name: &str,
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<File, CliError> {
    let place = |error: &toml::de::Error| match error.span() {
        Some(span) => format!("{name}:{}", line_of(text, span.start)),
        None => name.to_owned(),
    };
    toml::from_str::<File>(text).map_err(|error| wrong(&place(&error), &error))?;
    let mut table: Table = toml::from_str(text).map_err(|error| wrong(&place(&error), &error))?;
    for (variable, value) in variables {
        if let Some(path) = path_of(variable) {
            let overlay = nested(&path, value_of(value));
            File::deserialize(overlay.clone()).map_err(|error| wrong(variable, &error))?;
            merge(&mut table, overlay);
        }
    }
    let file = File::deserialize(table).map_err(|error| wrong(name, &error))?;
    policy::check(name, text, &file.policy)?;
    Ok(file)
}

pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn wrong(place: &str, error: &toml::de::Error) -> CliError {
    let message = without_text(error.message());
    let told = CliError::new(Code::InvalidConfig, format!("{place}: {message}"));
    // serde names the wrong key and then every right one, each in backticks.
    let names: Vec<&str> = error.message().split('`').skip(1).step_by(2).collect();
    match names.split_first() {
        Some((wrong, right)) if error.message().starts_with("unknown") && !right.is_empty() => {
            told.with_hint(near::hint(wrong, right.iter().copied()))
        }
        _ => told.with_hint("write it as in docs/models.md or docs/tools-http.md"),
    }
}

/// Returns what serde says of a value of the wrong kind without the value: it may be a secret where its
/// reference should stand.
fn without_text(message: &str) -> String {
    let begun = ["invalid type: string", "invalid value: string"];
    let kind = begun.into_iter().find(|begun| message.starts_with(begun));
    match kind.zip(message.rsplit_once(", expected ")) {
        Some((kind, (_, expected))) => format!("{kind}, expected {expected}"),
        None => message.to_owned(),
    }
}

/// Returns the keys that a variable stands for, outermost first.
fn path_of(variable: &str) -> Option<Vec<String>> {
    let rest = variable.strip_prefix(PREFIX)?;
    let now = OLDER.iter().find(|(older, _)| *older == rest).map_or(rest, |(_, now)| now);
    Some(now.split("__").map(str::to_lowercase).collect())
}

/// A variable holds what could stand behind the `=`; quotes are not needed.
fn value_of(text: &str) -> Value {
    let read = toml::from_str::<Table>(&format!("value = {text}"));
    let value = read.ok().filter(|table| table.len() == 1).and_then(|mut t| t.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn nested(path: &[String], value: Value) -> Table {
    let Some((first, rest)) = path.split_first() else { return Table::new() };
    let inner = if rest.is_empty() { value } else { Value::Table(nested(rest, value)) };
    Table::from_iter([(first.clone(), inner)])
}

fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}
