//! `mainstay tools show`.

use mainstay_core::{
    budget::{Dimension, amount},
    label::{Integrity, Label, Readers},
    tool::{Control, ToolSpec},
    visible,
};
use serde::Serialize;
use serde_json::Value;

use super::{effect, find, reversibility};
use crate::cli::{error::CliError, exit::Exit, output::Tone, shell::Shell, span};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The tool
    tool: String,
}

#[derive(Serialize)]
struct Shown<'s> {
    hash: Option<String>,
    #[serde(flatten)]
    spec: &'s ToolSpec,
}

pub(super) async fn run(shell: &mut Shell, args: &Args) -> Result<Exit, CliError> {
    let spec = find(&shell.tools().await?, &args.tool)?;
    // A schema without a canonical form has no hash, and is shown all the same.
    let hash = spec.hash().ok().map(|hash| hash.to_string());
    if !shell.output.is_for_people() {
        shell.output.document(&Shown { hash, spec: &spec })?;
        return Ok(Exit::Ok);
    }
    let heading = |text: &str| shell.output.paint(Tone::Strong, text);
    shell.output.line(format!(
        "{}  {}",
        heading(&spec.name),
        visible::visible(&spec.description)
    ))?;
    shell.output.line("")?;
    let rows = facts(&spec, hash).into_iter().map(|(name, fact)| vec![name.to_owned(), fact]);
    shell.output.table(&["WHAT", "IS"], rows)?;
    for (name, schema) in [("arguments", &*spec.input_schema), ("result", &spec.output_schema)] {
        shell.output.line(format!("\n{}\n{}", heading(name), pretty(schema)))?;
    }
    shell.output.next(format!("mainstay tools call {} key=value", spec.name));
    Ok(Exit::Ok)
}

fn pretty(schema: &Value) -> String {
    visible::visible(&serde_json::to_string_pretty(schema).unwrap_or_default())
}

fn facts(spec: &ToolSpec, hash: Option<String>) -> Vec<(&'static str, String)> {
    let none = || "-".to_owned();
    let rate = spec
        .rate
        .map(|rate| format!("{} in {}, {} at once", rate.calls, span::show(rate.per), rate.burst));
    let breaker = spec.breaker.unwrap_or_default();
    vec![
        ("hash", hash.unwrap_or_else(none)),
        ("origin", spec.origin.to_string()),
        ("effect", effect(spec).to_owned()),
        ("undo", reversibility(spec).to_owned()),
        ("control arguments", control(&spec.control)),
        ("approval", spec.approval.clone().map_or_else(none, |when| visible::visible(&when))),
        ("results are", label(&spec.result_label)),
        ("timeout", span::show(spec.timeout)),
        ("attempts", spec.retry.max_attempts().to_string()),
        ("rate", rate.unwrap_or_else(none)),
        ("at once", spec.concurrency.map_or_else(none, |most| most.to_string())),
        (
            "breaker",
            format!(
                "{} % of {} calls, {}",
                breaker.failure_percent,
                breaker.window,
                span::show(breaker.cool_down)
            ),
        ),
        ("cost", spec.cost.map_or_else(none, |cost| amount::show(Dimension::Usd, cost))),
        ("polls", if spec.polls { "yes" } else { "no" }.to_owned()),
        ("owner", spec.owner.clone().unwrap_or_else(none)),
    ]
}

fn control(control: &Control) -> String {
    match control {
        Control::All => "all (none were declared)".to_owned(),
        Control::Only(names) if names.is_empty() => "none".to_owned(),
        Control::Only(names) => names.iter().cloned().collect::<Vec<_>>().join(", "),
    }
}

fn label(label: &Label) -> String {
    let integrity = match label.integrity {
        Integrity::Trusted => "trusted",
        Integrity::Untrusted => "untrusted",
    };
    match &label.readers {
        Readers::Public => integrity.to_owned(),
        Readers::Only(names) if names.is_empty() => format!("{integrity}, for nobody to read"),
        Readers::Only(names) => {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            format!("{integrity}, to be read by {}", names.join(", "))
        }
    }
}
