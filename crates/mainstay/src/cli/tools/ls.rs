//! `mainstay tools ls`.

use mainstay_core::{tool::ToolCatalog, visible};
use serde::Serialize;

use super::{effect, reversibility};
use crate::cli::{error::CliError, exit::Exit, shell::Shell};

/// At most so many characters of a description or a condition.
const WIDTH: usize = 72;

#[derive(Serialize)]
struct Listed {
    name: String,
    origin: String,
    effect: &'static str,
    reversibility: &'static str,
    approval: Option<String>,
    owner: Option<String>,
    description: String,
}

pub(super) async fn run(shell: &mut Shell) -> Result<Exit, CliError> {
    let specs = shell.tools().await?.specs();
    let tools: Vec<_> = specs
        .into_iter()
        .map(|spec| Listed {
            origin: spec.origin.to_string(),
            effect: effect(&spec),
            reversibility: reversibility(&spec),
            name: spec.name,
            approval: spec.approval,
            owner: spec.owner,
            description: spec.description,
        })
        .collect();
    let head = ["TOOL", "ORIGIN", "EFFECT", "UNDO", "APPROVAL", "OWNER", "WHAT IT DOES"];
    let short = |text: &Option<String>| {
        text.as_deref().map_or_else(|| "-".to_owned(), |text| visible::line(text, WIDTH))
    };
    shell.output.list("tools", &tools, &head, |tool| {
        vec![
            tool.name.clone().into(),
            tool.origin.clone().into(),
            tool.effect.into(),
            tool.reversibility.into(),
            short(&tool.approval).into(),
            short(&tool.owner).into(),
            visible::line(&tool.description, WIDTH).into(),
        ]
    })?;
    match tools.first() {
        Some(first) => shell.output.next(format!("mainstay tools show {}", first.name)),
        None => shell.output.note("this program has no tools: `App::tools` adds some"),
    }
    Ok(Exit::Ok)
}
