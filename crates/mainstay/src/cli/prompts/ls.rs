//! `mainstay prompts ls`.

use mainstay_agents::prompt::Prompt;
use mainstay_core::digest::Digest;
use serde::Serialize;

use super::Source;
use crate::cli::{error::CliError, exit::Exit, shell::Shell};

#[derive(Serialize)]
struct Listed {
    name: String,
    version: u32,
    hash: Digest,
    model: String,
    variables: Vec<String>,
    description: String,
}

impl From<&Prompt> for Listed {
    fn from(prompt: &Prompt) -> Self {
        Self {
            name: prompt.name.clone(),
            version: prompt.version,
            hash: prompt.hash(),
            model: prompt.model.to_string(),
            variables: prompt.variables.keys().cloned().collect(),
            description: prompt.description.clone(),
        }
    }
}

pub(super) fn run(shell: &Shell, source: &Source) -> Result<Exit, CliError> {
    let listed: Vec<_> = source.prompts(shell)?.iter().map(Listed::from).collect();
    let heads = ["PROMPT", "VERSION", "HASH", "MODEL", "VARIABLES", "WHAT IT IS FOR"];
    shell.output.list("prompts", &listed, &heads, |prompt| {
        vec![
            prompt.name.clone().into(),
            prompt.version.to_string().into(),
            prompt.hash.short().into(),
            prompt.model.clone().into(),
            prompt.variables.join(", ").into(),
            prompt.description.clone().into(),
        ]
    })?;
    if let Some(first) = listed.first() {
        shell.output.next(format!("mainstay prompts show {}", first.name));
    }
    Ok(Exit::Ok)
}
