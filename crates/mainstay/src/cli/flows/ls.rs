//! `mainstay flows ls`.

use mainstay_core::digest::Digest;
use serde::Serialize;

use crate::cli::{error::CliError, exit::Exit, shell::Shell};

#[derive(Serialize)]
struct Listed {
    flow: String,
    version: u32,
    definition: Digest,
    steps: usize,
    description: String,
}

pub(super) fn run(shell: &Shell) -> Result<Exit, CliError> {
    let flows: Vec<_> = shell
        .app
        .flows
        .iter()
        .map(|flow| Listed {
            flow: flow.version.name.clone(),
            version: flow.version.version,
            definition: flow.version.definition,
            steps: flow.program.definition().steps.len(),
            description: flow.program.definition().description.clone(),
        })
        .collect();
    shell.output.list("flows", &flows, &["FLOW", "VERSION", "STEPS", "WHAT IT DOES"], |flow| {
        vec![
            flow.flow.clone().into(),
            flow.version.to_string().into(),
            flow.steps.to_string().into(),
            flow.description.clone().into(),
        ]
    })?;
    if let Some(first) = flows.first() {
        shell.output.next(format!("mainstay flows show {}", first.flow));
    }
    Ok(Exit::Ok)
}
