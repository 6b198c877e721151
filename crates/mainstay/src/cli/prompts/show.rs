//! `mainstay prompts show`.

use std::collections::BTreeMap;

use mainstay_agents::prompt::{Prompt, Variable};
use mainstay_core::{digest::Digest, visible::visible};
use serde::Serialize;

use super::Source;
use crate::cli::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The prompt: NAME, NAME@VERSION or a file
    prompt: String,
    #[command(flatten)]
    source: Source,
}

#[derive(Serialize)]
struct Shown<'p> {
    name: &'p str,
    version: u32,
    hash: Digest,
    description: &'p str,
    model: String,
    max_output_tokens: Option<u32>,
    variables: &'p BTreeMap<String, Variable>,
    text: &'p str,
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<Exit, CliError> {
    let prompt = args.source.find(shell, &args.prompt)?;
    if !shell.output.is_for_people() {
        shell.output.document(&shown(&prompt))?;
        return Ok(Exit::Ok);
    }
    let Prompt { name, version, description, .. } = &prompt;
    shell.output.line(format!("{name} v{version}  {}  {description}", prompt.hash().short()))?;
    shell.output.line("")?;
    shell.output.table(&["VARIABLE", "TYPE", "FROM OUTSIDE", "WHAT"], rows(&prompt))?;
    shell.output.line("")?;
    shell.output.line(visible(prompt.text()).trim_end())?;
    Ok(Exit::Ok)
}

fn shown(prompt: &Prompt) -> Shown<'_> {
    Shown {
        name: &prompt.name,
        version: prompt.version,
        hash: prompt.hash(),
        description: &prompt.description,
        model: prompt.model.to_string(),
        max_output_tokens: prompt.max_output_tokens,
        variables: &prompt.variables,
        text: prompt.text(),
    }
}

fn rows(prompt: &Prompt) -> impl Iterator<Item = Vec<String>> {
    prompt.variables.iter().map(|(name, variable)| {
        let outside = if variable.untrusted { "yes, marked" } else { "no" };
        let kind = variable.kind.word().to_owned();
        vec![name.clone(), kind, outside.to_owned(), variable.description.clone()]
    })
}
