//! Due diligence on a company: a researcher, an analyst and a critic read a folder of documents, and
//! what they report counts only where it can be found again.
//!
//! Modules in reading order: the flow ([`flow`]), what the crew brings home ([`report`]), the checks
//! that its report has to pass ([`check`]), what it may do ([`tool`]) and what it reads ([`folder`]).
//! The crew itself is in `agents.yaml` and `tasks.yaml`.

pub mod check;
pub mod flow;
pub mod folder;
pub mod report;
pub mod tool;

use std::{error::Error, path::Path};

use mainstay::{
    App,
    scripted::{Script, Scripted},
};

use crate::{flow::DueDiligence, folder::Folder};

/// Where the crew's files and the documents are.
pub(crate) const HOME: &str = env!("CARGO_MANIFEST_DIR");

const SCRIPT: &str = include_str!("../model.yaml");

/// Returns the program with its flow, its tools, its documents and a scripted model to try it with.
///
/// # Errors
/// The scripted model that is built into the program does not read.
pub fn app() -> Result<App, Box<dyn Error + Send + Sync>> {
    let script = Script::parse("model.yaml", SCRIPT)?;
    let model = format!("{}:{}", Scripted::NAME, script.model()).parse()?;
    Ok(App::new()
        .about("Due diligence by a crew that reports only what it can cite")
        .flow::<DueDiligence>()
        .tools(tool::tools())
        .resource_async(|_| async { Folder::read(&Path::new(HOME).join("documents")) })
        .model(Scripted::new().with_script(script))
        .default_model(model))
}
