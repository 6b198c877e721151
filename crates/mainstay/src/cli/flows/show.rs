//! `mainstay flows show`.

use mainstay_core::flow::{Access, FlowDefinition, StepDefinition, StepKind, Trigger, graph};

use mainstay_engine::program::Caller;

use crate::cli::{error::CliError, exit::Exit, output::Tone, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The flow
    flow: String,
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<Exit, CliError> {
    let flow = super::find(shell, &args.flow)?;
    let definition = flow.program.definition();
    if !shell.output.is_for_people() {
        let callers = callers(definition, flow.program.callers());
        shell.output.document(&Shown { definition, callers })?;
        return Ok(Exit::Ok);
    }
    shell.output.line(format!("{}  {}", flow.version, definition.description))?;
    shell.output.line(format!("\n{}", graph::ascii(definition).trim_end()))?;
    shell.output.line("")?;
    let rows = definition.steps.iter().map(row);
    shell.output.table(&["STEP", "KIND", "DUE", "STATE", "OPTIONS"], rows)?;
    let callers = callers(definition, flow.program.callers());
    if !callers.is_empty() {
        shell.output.line("")?;
        let rows = callers.iter().map(|caller| {
            let tools: Vec<_> = caller.grants.iter().collect();
            vec![caller.step.clone(), caller.who.clone(), tools.join(", ")]
        });
        shell.output.table(&["STEP", "WHO", "MAY CALL"], rows)?;
    }
    shell.output.line(format!("\n{}", shell.output.paint(Tone::Strong, "input")))?;
    shell.output.line(schema(definition))?;
    shell.output.next(format!("mainstay run {} --input key=value", definition.name));
    Ok(Exit::Ok)
}

/// The definition, and who may call what.
#[derive(serde::Serialize)]
struct Shown<'d> {
    #[serde(flatten)]
    definition: &'d FlowDefinition,
    callers: Vec<Caller>,
}

/// Returns who may call what: each step, and whoever is known to work inside it.
fn callers(definition: &FlowDefinition, inside: Vec<Caller>) -> Vec<Caller> {
    let steps = definition.steps.iter().filter(|step| !step.options.grants.is_empty());
    let own = steps.map(|step| Caller {
        step: step.name.to_string(),
        who: "the step".to_owned(),
        grants: step.options.grants.clone().into(),
    });
    own.chain(inside).collect()
}

fn schema(definition: &FlowDefinition) -> String {
    serde_json::to_string_pretty(&definition.state_schema).unwrap_or_default()
}

fn row(step: &StepDefinition) -> Vec<String> {
    let kind = match &step.kind {
        StepKind::Step => "step".to_owned(),
        StepKind::Router(route) => format!("router of {}", route.name),
        StepKind::Compensation => "compensation".to_owned(),
    };
    let due = match &step.trigger {
        Trigger::Start => "at the start".to_owned(),
        Trigger::On(condition) => format!("after {condition}"),
        Trigger::Never => "to undo".to_owned(),
    };
    let state = match step.access {
        Access::Reads => "reads",
        Access::Writes => "writes",
    };
    vec![step.name.to_string(), kind, due, state.to_owned(), options(step)]
}

fn options(step: &StepDefinition) -> String {
    let options = &step.options;
    let parts = [
        options.timeout.map(|span| format!("timeout {}", crate::cli::span::show(span))),
        options.retry.as_ref().map(|_| "retries".to_owned()),
        options.compensate.as_ref().map(|undo| format!("undone by {undo}")),
        options.budget.as_ref().map(|_| "own budget".to_owned()),
        options.served.as_ref().map(|served| format!("served by worker {}", served.worker)),
        step.finish.then(|| "output of the run".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
