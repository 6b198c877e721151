//! `mainstay tools call`: a run of its own for one call.

use mainstay_core::code::Code;
use mainstay_engine::commands::StartRun;
use serde_json::{Value, json};

use super::find;
use crate::{
    call::{ByHand, NAME},
    cli::{
        error::CliError,
        exit::Exit,
        input,
        output::Format,
        reach,
        report::RunDocument,
        run::{close, read_limits},
        settle,
        shell::Shell,
    },
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The tool
    tool: String,
    /// Its arguments as `key=value` pairs
    #[arg(value_name = "K=V", conflicts_with = "args")]
    pairs: Vec<String>,
    /// Its arguments as JSON, or `-` for standard input
    #[arg(long, value_name = "JSON|-")]
    args: Option<String>,
    /// What the call may use: usd=0.50,wall=10m
    #[arg(long, short, value_name = "LIMITS")]
    budget: Option<String>,
    /// Make the call at most once under this key
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Whose run it is
    #[arg(long, default_value = "default")]
    tenant: String,
}

pub(super) async fn run(mut shell: Shell, args: Args) -> Result<Exit, CliError> {
    let output = shell.output;
    match start_and_drive(&mut shell, args).await {
        // With `--json` a script reads one document, also of a call that never began.
        Err(error) if output.format != Format::People && error.exit != Exit::Ok => {
            output.document(&RunDocument::refused(NAME.to_owned(), &error))?;
            Ok(error.exit)
        }
        done => done,
    }
}

async fn start_and_drive(shell: &mut Shell, args: Args) -> Result<Exit, CliError> {
    let arguments = arguments(&args)?;
    let limits = args.budget.as_deref().map(|text| read_limits(shell, text)).transpose()?;
    let database = shell.database()?;
    let runtime = shell.driver(&database, None).await?;
    let spec = find(&*runtime.tools, &args.tool)?;
    if spec.is_step() {
        let message = format!("there is no tool `{}`: it is a step", spec.name);
        return Err(CliError::new(Code::ToolUnknown, message)
            .with_hint("start a flow that has it: `mainstay flows ls`"));
    }
    let here = reach::is_here(&spec);
    let tool = spec.name;
    let by_hand = serde_json::to_value(ByHand { tool, arguments })
        .map_err(|error| CliError::new(Code::InvalidInput, error.to_string()))?;
    let started = runtime
        .start(StartRun {
            limits: limits.unwrap_or_default(),
            key: args.idempotency_key,
            tenant: args.tenant,
            requested_by: Some(shell.person(None)),
            ..StartRun::new(NAME, by_hand)
        })
        .await?;
    if started.existed {
        shell.output.note(format!("the key was used before: {} is the run", started.run_id));
    }
    let settled = if here {
        settle::drive_here(runtime.clone(), started.run_id, &shell.output).await?
    } else {
        settle::drive(runtime.clone(), started.run_id, &shell.output).await?
    };
    close(&shell.output, &runtime, started.run_id, &settled).await
}

fn arguments(args: &Args) -> Result<Value, CliError> {
    let read = match &args.args {
        Some(text) => input::read_json(text)?,
        None => input::read(&args.pairs)?,
    };
    Ok(if read.is_null() { json!({}) } else { read })
}
