//! Tools that are commands on this machine, each call in a sandbox of its own.
//!
//! The arguments come on standard input as JSON, and where the command line wants them. What the
//! command writes to standard output is the result. It sees no environment but three harmless
//! variables, no file but the system's libraries and a folder of its own that is gone afterwards, no
//! network, no other process and no open file of ours.
//!
//! # Who puts up the walls
//!
//! A process can only restrict itself for good between being forked and running the command, and
//! code that runs there must not be ours in a program that forbids `unsafe`. So the worker starts its
//! own binary once more, with a hidden verb: that [puts up the walls](jail) around itself and then
//! becomes the command.

pub mod command;
pub mod jail;
mod run;

use std::{fmt, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use mainstay_core::tool::{Origin, Tool, ToolCall, ToolFailure, ToolSpec};
use serde_json::Value;

pub use command::{CommandError, ProcessCommand, ResultForm};
pub use jail::{Limits, Missing, Order, Paths, VERB};

/// A command as a tool.
pub struct ProcessTool {
    spec: ToolSpec,
    command: ProcessCommand,
    /// The program that puts up the walls: this one.
    sandbox: PathBuf,
}

impl ProcessTool {
    /// Makes a tool of a command. `sandbox` is the program that knows the hidden verb; `name` is what
    /// the configuration calls the command.
    ///
    /// # Errors
    /// The command line cannot be filled from arguments that fit the schema, the program is not
    /// allowed, or this machine cannot put up a wall and the command may not run without.
    pub fn new(
        spec: ToolSpec,
        name: &str,
        command: ProcessCommand,
        sandbox: PathBuf,
    ) -> Result<Self, CommandError> {
        command.check(&spec.input_schema)?;
        let missing = Missing::here();
        if !missing.is_empty() && !command.allow_unsandboxed {
            return Err(CommandError::NoSandbox(missing));
        }
        let mut spec = spec.with_origin(Origin::Process(name.to_owned()));
        if !missing.is_empty() {
            spec.description.push_str(&format!("\n\nRuns without its whole sandbox: {missing}."));
        }
        Ok(Self { spec, command, sandbox })
    }
}

impl fmt::Debug for ProcessTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessTool").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Tool for ProcessTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        if !self.command.is_there() {
            return Err(ToolFailure::unavailable("the program is not there"));
        }
        let argv = self.command.filled(&call.arguments).map_err(ToolFailure::refused)?;
        let folder = run::Folder::new(&call)?;
        let order = Order {
            argv,
            folder: folder.path().to_owned(),
            paths: self.command.paths.clone(),
            limits: self.command.limits.clone(),
            network: self.command.network,
            forks: self.command.forks,
            lenient: self.command.allow_unsandboxed,
        };
        let output = run::run(&self.sandbox, &order, &call.arguments).await?;
        self.command.form.read(&output)
    }
}

impl ProcessTool {
    /// Returns the tool as the catalogue takes it.
    #[must_use]
    pub fn shared(self) -> Arc<dyn Tool> {
        Arc::new(self)
    }
}

#[cfg(test)]
mod tests;
