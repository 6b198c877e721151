//! What the configuration says about a command, and its command line filled from arguments.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use mainstay_core::tool::ToolFailure;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::jail::{Limits, Missing, Paths};

/// An element of a command line has at most so many bytes; the system takes no more than 128 KiB.
const LONGEST: usize = 64 << 10;

/// A command, and what it may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessCommand {
    /// The command line. The first element is the absolute path of the program; an element
    /// `{args.NAME}` stands for an argument, whole or not at all. There is no shell.
    pub argv: Vec<String>,
    /// What standard output holds.
    #[serde(default)]
    pub form: ResultForm,
    /// What it may read and write beside its own folder.
    #[serde(default)]
    pub paths: Paths,
    /// What it may use up.
    #[serde(default)]
    pub limits: Limits,
    /// Whether it may open sockets.
    #[serde(default)]
    pub network: bool,
    /// Whether it may start other processes. Their number is then bounded by time alone.
    #[serde(default)]
    pub forks: bool,
    /// Whether it may run where this machine cannot put up a wall.
    #[serde(default)]
    pub allow_unsandboxed: bool,
}

/// What standard output holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultForm {
    /// One JSON value.
    #[default]
    Json,
    /// Text; nothing at all is an empty result.
    Text,
}

/// Why a command is no tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// The first element is no absolute path of a program.
    Program(String),
    /// A placeholder stands for something that may be absent.
    Placeholder(String),
    /// An element mixes text and a placeholder.
    Mixed(String),
    /// Walls that cannot be put up here.
    NoSandbox(Missing),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(program) => {
                write!(f, "`{program}` is no absolute path of a program that is there")
            }
            Self::Placeholder(name) => write!(
                f,
                "`{{args.{name}}}` needs an argument that is required; what may be absent comes on \
                 standard input"
            ),
            Self::Mixed(element) => {
                write!(f, "`{element}` mixes text and a placeholder; a placeholder stands alone")
            }
            Self::NoSandbox(missing) => {
                write!(f, "{missing}; a command without its sandbox needs `allow_unsandboxed`")
            }
        }
    }
}

impl std::error::Error for CommandError {}

impl ProcessCommand {
    /// Makes a command that may use what is usual.
    #[must_use]
    pub fn new<T: Into<String>>(argv: impl IntoIterator<Item = T>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            form: ResultForm::default(),
            paths: Paths::default(),
            limits: Limits::default(),
            network: false,
            forks: false,
            allow_unsandboxed: false,
        }
    }

    /// Checks the command line against the schema of the arguments.
    pub(super) fn check(&self, schema: &Value) -> Result<(), CommandError> {
        let program = self.argv.first().map(PathBuf::from).unwrap_or_default();
        if !program.is_absolute() || !program.is_file() {
            return Err(CommandError::Program(program.display().to_string()));
        }
        let required = schema.get("required").and_then(Value::as_array);
        let required: Vec<&str> =
            required.into_iter().flatten().filter_map(Value::as_str).collect();
        for element in self.argv.iter().skip(1) {
            match placeholder(element) {
                Some(name) if required.contains(&name) => {}
                Some(name) => return Err(CommandError::Placeholder(name.to_owned())),
                None if element.contains("{args.") => {
                    return Err(CommandError::Mixed(element.clone()));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Returns whether the program is there.
    pub(super) fn is_there(&self) -> bool {
        self.argv.first().map(Path::new).is_some_and(Path::is_file)
    }

    /// Returns the command line of a call.
    ///
    /// An argument that looks like an option would be one: it is refused unless `--` stands before it.
    pub(super) fn filled(&self, arguments: &Value) -> Result<Vec<String>, String> {
        let mut options_ended = false;
        let mut argv = Vec::with_capacity(self.argv.len());
        for element in &self.argv {
            let Some(name) = placeholder(element) else {
                options_ended |= element == "--";
                argv.push(element.clone());
                continue;
            };
            let text = match arguments.get(name) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => return Err(format!("the argument `{name}` is missing")),
            };
            if text.starts_with('-') && !options_ended {
                return Err(format!("the argument `{name}` would be read as an option"));
            }
            if text.contains('\0') || text.len() > LONGEST {
                return Err(format!("the argument `{name}` cannot stand on a command line"));
            }
            argv.push(text);
        }
        Ok(argv)
    }
}

fn placeholder(element: &str) -> Option<&str> {
    let name = element.strip_prefix("{args.")?.strip_suffix('}')?;
    (!name.contains(['{', '}'])).then_some(name)
}

impl ResultForm {
    /// Reads what a command wrote. It ran, so whatever is wrong with it, it may have acted.
    pub(super) fn read(self, output: &[u8]) -> Result<Value, ToolFailure> {
        let text = str::from_utf8(output)
            .map_err(|_| ToolFailure::new("the result was rejected: it is not UTF-8"))?;
        match self {
            Self::Text => {
                let text = text.strip_suffix('\n').unwrap_or(text);
                Ok(if text.is_empty() { Value::Null } else { text.into() })
            }
            Self::Json => serde_json::from_str(text).map_err(|error| {
                ToolFailure::new(format!("the result was rejected: it is not JSON: {error}"))
            }),
        }
    }
}
