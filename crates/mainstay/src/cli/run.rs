//! `mainstay run FLOW`: starts a run, drives it, and says where it stopped.

pub(crate) mod progress;

use std::collections::BTreeMap;

use mainstay_core::{budget::Limits, code::Code, flow::check::near, label::Label, model::ModelId};
use mainstay_engine::{commands::StartRun, runtime::Runtime};

use super::{
    crews,
    error::CliError,
    exit::Exit,
    input,
    output::{Format, Output},
    report::{self, RunDocument},
    settle::{self, Settled},
    shell::Shell,
};
use crate::{models, remote::agreed};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The flow, or crew:FOLDER for the crew in a folder
    flow: String,
    /// The input: a JSON file, `-` for standard input, or `key=value` pairs
    #[arg(long, short, num_args = 1.., value_name = "FILE|-|K=V")]
    input: Vec<String>,
    /// What it may use: usd=0.50,tokens=20k,wall=10m,deadline=3d,tool_calls=30
    #[arg(long, short, value_name = "LIMITS")]
    budget: Option<String>,
    /// Start it at most once under this key
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Whose it is
    #[arg(long, default_value = "default")]
    tenant: String,
    /// A tag to find it by
    #[arg(long, value_name = "K=V", value_parser = tag)]
    tag: Vec<(String, String)>,
    /// The model behind every tier: VENDOR:NAME
    #[arg(long, value_name = "VENDOR:NAME")]
    model: Option<ModelId>,
    /// The input comes from outside: what it says decides nothing by itself
    #[arg(long)]
    untrusted: bool,
    /// Start it and do not wait: a worker drives it
    #[arg(long)]
    detach: bool,
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !text.contains('\n') => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

pub(crate) async fn run(mut shell: Shell, args: Args) -> Result<Exit, CliError> {
    let (output, flow) = (shell.output, args.flow.clone());
    match start_and_drive(&mut shell, args).await {
        // With `--json` a script reads one document, also of a run that never began.
        Err(error) if output.format != Format::People && error.exit != Exit::Ok => {
            output.document(&RunDocument::refused(flow, &error))?;
            Ok(error.exit)
        }
        done => done,
    }
}

async fn start_and_drive(shell: &mut Shell, mut args: Args) -> Result<Exit, CliError> {
    args.flow = crews::named(&mut shell.app, &args.flow, args.model.as_ref())?;
    known(shell, &args.flow)?;
    let wish = wish(shell, &args)?;
    let database = shell.database()?;
    let runtime = shell.driver(&database, args.model.as_ref()).await?;
    if let Some(flow) = runtime.flows.latest(&args.flow) {
        agreed::served(flow.program.definition(), &runtime.tools.specs())?;
    }
    models::priced(&runtime.models, &wish.limits)?;
    let started = runtime.start(wish).await?;
    if started.existed {
        shell.output.note(format!("the key was used before: {} is the run", started.run_id));
    }
    if args.detach {
        let view = register_and_view(&runtime, started.run_id).await?;
        report::print(&shell.output, &runtime, &view).await?;
        shell.output.next(format!("mainstay runs tail {}", started.run_id));
        return Ok(Exit::Ok);
    }
    let settled = settle::drive(runtime.clone(), started.run_id, &shell.output).await?;
    close(&shell.output, &runtime, started.run_id, &settled).await
}

/// A run whose flow no worker has registered yet could not be shown by other programs.
pub(super) async fn register_and_view(
    runtime: &Runtime,
    run_id: mainstay_core::id::RunId,
) -> Result<mainstay_engine::commands::RunView, CliError> {
    for flow in runtime.flows.iter() {
        runtime.store.register_flow(flow.program.definition().clone()).await?;
    }
    Ok(runtime.view(run_id).await?)
}

/// Prints where a run stopped, and returns how the command ends.
pub(crate) async fn close(
    output: &Output,
    runtime: &Runtime,
    run_id: mainstay_core::id::RunId,
    settled: &Settled,
) -> Result<Exit, CliError> {
    let mut view = runtime.view(run_id).await?;
    view.row = report::explained(runtime, view.row).await?;
    report::print(output, runtime, &view).await?;
    match settled {
        Settled::Interrupted => {
            output.note(format!("interrupted; nothing is lost, {run_id} goes on with a worker"));
            output.next(format!("mainstay runs resume {run_id}"));
        }
        Settled::At(_) => report::advise(output, &view),
    }
    Ok(settled.exit())
}

/// A flow is looked for before anything is opened.
fn known(shell: &Shell, name: &str) -> Result<(), CliError> {
    if shell.app.flows.latest(name).is_some() {
        return Ok(());
    }
    let names: Vec<_> = shell.app.flows.iter().map(|flow| flow.version.name.clone()).collect();
    let hint = near::hint(name, names.iter().map(String::as_str));
    Err(CliError::new(Code::UnknownFlow, format!("there is no flow `{name}`"))
        .with_hint(format!("{hint} (mainstay flows ls)")))
}

fn wish(shell: &Shell, args: &Args) -> Result<StartRun, CliError> {
    let limits = args.budget.as_deref().map(|text| read_limits(shell, text)).transpose()?;
    Ok(StartRun {
        flow: args.flow.clone(),
        input: input::read(&args.input)?,
        limits: limits.unwrap_or_default(),
        key: args.idempotency_key.clone(),
        tenant: args.tenant.clone(),
        tags: args.tag.iter().cloned().collect::<BTreeMap<_, _>>(),
        requested_by: Some(shell.person(None)),
        label: if args.untrusted { Label::UNTRUSTED } else { Label::TRUSTED },
    })
}

pub(crate) fn read_limits(shell: &Shell, text: &str) -> Result<Limits, CliError> {
    Limits::read(text, shell.now()).map_err(|error| {
        CliError::new(Code::InvalidBudget, error.to_string())
            .with_hint("write limits such as `usd=0.50,tokens=20k,wall=10m`")
    })
}
