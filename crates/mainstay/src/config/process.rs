//! The section `[process]`: commands of this machine as tools, and which programs may be commands.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
};

use mainstay_core::{
    code::Code,
    tool::{EffectClass, Reversibility, Tool, ToolSpec},
};
use mainstay_tools::transport::process::{Limits, ProcessCommand, ProcessTool, ResultForm};
use serde::Deserialize;
use serde_json::Value;

use super::{
    section::{Dollar, Rate, Span},
    tool::{Attempts, BreakerSection, LabelSection},
};
use crate::cli::error::CliError;

/// `[process]`, with `[process.NAME]` for each command.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProcessSection {
    /// The programs that commands may be made of; none unless they are listed.
    programs: Vec<PathBuf>,
    #[serde(flatten)]
    commands: BTreeMap<String, CommandSection>,
}

/// `[process.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandSection {
    argv: Vec<String>,
    description: String,
    #[serde(default)]
    arguments: Option<Value>,
    #[serde(default)]
    arguments_file: Option<PathBuf>,
    #[serde(default)]
    result: ResultForm,
    #[serde(default)]
    effect: CommandEffect,
    #[serde(default)]
    reversibility: Option<Reversibility>,
    #[serde(default)]
    timeout: Option<Span>,
    #[serde(default)]
    attempts: Option<Attempts>,
    #[serde(default)]
    rate: Option<Rate>,
    #[serde(default)]
    concurrency: Option<NonZeroU32>,
    #[serde(default)]
    control: Option<Vec<String>>,
    #[serde(default)]
    approval: Option<String>,
    #[serde(default)]
    label: Option<LabelSection>,
    #[serde(default)]
    breaker: Option<BreakerSection>,
    #[serde(default)]
    cost: Option<Dollar>,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    read: Vec<PathBuf>,
    #[serde(default)]
    write: Vec<PathBuf>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    network: bool,
    #[serde(default)]
    forks: bool,
    #[serde(default)]
    allow_unsandboxed: bool,
}

/// What repeating a command would do. It gets no key to recognise a repeat by.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CommandEffect {
    Read,
    #[default]
    AtMostOnce,
}

impl ProcessSection {
    /// Makes the tools; `program` is this one, which puts up the walls, and paths of schemas are
    /// relative to `folder`.
    pub(crate) fn tools(
        &self,
        program: &Path,
        folder: &Path,
    ) -> Result<Vec<Arc<dyn Tool>>, CliError> {
        let make = |(name, section): (&String, &CommandSection)| {
            let wrong = |message: String, hint: &str| {
                CliError::new(Code::ProcessInvalid, format!("process.{name}: {message}"))
                    .with_hint(hint)
            };
            let first = section.argv.first().map(PathBuf::from).unwrap_or_default();
            if !self.programs.contains(&first) {
                let message = format!("`{}` is not in `process.programs`", first.display());
                let hint = "list the program by its absolute path, as it is in argv";
                return Err(wrong(message, hint));
            }
            let hint = "write it as in docs/tools.md";
            let spec = section.spec(name, folder).map_err(|message| wrong(message, hint))?;
            let made = ProcessTool::new(spec, name, section.command(), program.to_owned());
            Ok(made.map_err(|error| wrong(error.to_string(), hint))?.shared())
        };
        self.commands.iter().map(make).collect()
    }
}

impl CommandSection {
    fn command(&self) -> ProcessCommand {
        let mut command = ProcessCommand::new(self.argv.iter().cloned());
        command.paths.read.extend(self.read.iter().cloned());
        command.paths.write.extend(self.write.iter().cloned());
        ProcessCommand {
            form: self.result,
            limits: self.limits.clone(),
            network: self.network,
            forks: self.forks,
            allow_unsandboxed: self.allow_unsandboxed,
            ..command
        }
    }

    fn spec(&self, name: &str, folder: &Path) -> Result<ToolSpec, String> {
        let mut spec = ToolSpec::new(name, self.schema(folder)?)
            .with_description(self.description.as_str())
            .with_effect(match self.effect {
                CommandEffect::Read => EffectClass::Read,
                CommandEffect::AtMostOnce => EffectClass::AtMostOnce,
            });
        let reads = matches!(self.effect, CommandEffect::Read);
        let usual = reads.then_some(Reversibility::Reversible);
        spec.reversibility = self.reversibility.or(usual).unwrap_or(spec.reversibility);
        if let Some(Span(timeout)) = self.timeout {
            spec = spec.with_timeout(timeout);
        }
        if let Some(names) = &self.control {
            spec = spec.with_control(names.iter().cloned().collect());
        }
        spec.retry = self.attempts.map_or(spec.retry, |Attempts(policy)| policy);
        spec.result_label = self.label.clone().map_or(spec.result_label, LabelSection::label);
        spec.breaker = self.breaker.map(BreakerSection::policy);
        spec.cost = self.cost.map(|Dollar(micros)| micros);
        spec.rate = self.rate.map(|rate| rate.0);
        spec.concurrency = self.concurrency;
        spec.approval.clone_from(&self.approval);
        spec.owner.clone_from(&self.owner);
        Ok(spec)
    }

    fn schema(&self, folder: &Path) -> Result<Value, String> {
        match (&self.arguments, &self.arguments_file) {
            (Some(schema), None) => Ok(schema.clone()),
            (None, Some(path)) => {
                let shown = path.display();
                let text = std::fs::read_to_string(folder.join(path))
                    .map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
                serde_json::from_str(&text)
                    .map_err(|error| format!("`{shown}` is not JSON: {error}"))
            }
            _ => Err("the schema of its arguments stands in `arguments` or in the file that \
                      `arguments_file` names"
                .to_owned()),
        }
    }
}
