//! `mainstay ask TEXT`: finds the flow that a request is for, and starts it.

use std::io::{BufRead, IsTerminal};

use mainstay_agents::intent::{Answer, Basis, Intents, Routed};
use mainstay_core::{code::Code, model::ModelId, visible};
use mainstay_engine::{
    commands::StartRun,
    program::{Flow, InputError},
};
use mainstay_tools::schema::JsonSchemaCheck;
use serde_json::Value;

use super::{
    confirm::{self, Consent},
    error::CliError,
    exit::Exit,
    flows,
    run::{close, read_limits},
    settle,
    shell::Shell,
};
use crate::ask::Ask;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What is wanted, in words
    #[arg(required = true, num_args = 1..)]
    text: Vec<String>,
    /// What the run may use: usd=0.50,tokens=20k,wall=10m,deadline=3d,tool_calls=30
    #[arg(long, short, value_name = "LIMITS")]
    budget: Option<String>,
    /// The model behind every tier: VENDOR:NAME
    #[arg(long, value_name = "VENDOR:NAME")]
    model: Option<ModelId>,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) async fn run(shell: Shell, args: Args) -> Result<Exit, CliError> {
    let text = args.text.join(" ");
    let intents = shell.app.intents().map_err(|error| {
        CliError::new(error.code(), error.to_string())
            .with_hint("patterns are those of the Rust `regex` crate")
    })?;
    let answer = intents.answer(&text, &JsonSchemaCheck::new());
    if args.consent.only_looks() {
        return show(&shell, &answer);
    }
    match answer {
        Answer::Routed(routed) => {
            check(&shell, &routed)?;
            let what = [of_routed(&routed), format!("input {}", shown(&routed.input))];
            if args.consent.ask(&shell.output, "start", &what)? == confirm::Answer::No {
                return Ok(Exit::Ok);
            }
            start(shell, args, routed.flow, routed.input).await
        }
        Answer::Unclear { question, candidates } => match ask_here(&shell, &question, &candidates)?
        {
            Some(meant) => {
                check(&shell, &meant)?;
                start(shell, args, meant.flow, meant.input).await
            }
            None => {
                let input = Ask::input(&text, intents.targets());
                start(shell, args, Ask::NAME.to_owned(), input).await
            }
        },
        Answer::Unknown { .. } => Err(nobody(&intents)),
    }
}

/// What would be refused at the start is refused before anybody is asked.
fn check(shell: &Shell, routed: &Routed) -> Result<(), CliError> {
    let program = &flows::find(shell, &routed.flow)?.program;
    let fits = program.initial(&routed.input);
    fits.map(drop).map_err(|InputError { path, message }| {
        CliError::new(Code::InvalidInput, format!("at `{path}`: {message}"))
            .with_hint(format!("mainstay run {} --input key=value", routed.flow))
    })
}

/// Shows where the request would go, and starts nothing.
fn show(shell: &Shell, answer: &Answer) -> Result<Exit, CliError> {
    if !shell.output.is_for_people() {
        shell.output.document(answer)?;
        return Ok(Exit::Ok);
    }
    match answer {
        Answer::Routed(routed) => {
            shell.output.line(of_routed(routed))?;
            shell.output.line(format!("input {}", shown(&routed.input)))?;
        }
        Answer::Unclear { question, .. } => shell.output.line(question)?,
        Answer::Unknown { candidates } => {
            shell.output.line("no flow is like this request")?;
            candidates.iter().try_for_each(|routed| shell.output.line(&routed.flow))?;
        }
    }
    shell.output.note("nothing was started");
    Ok(Exit::Ok)
}

fn of_routed(routed: &Routed) -> String {
    let Routed { flow, confidence, by, .. } = routed;
    let sure = match confidence.basis {
        Basis::Declared => "declared".to_owned(),
        Basis::Calibrated => format!("confidence {:.2}, calibrated", confidence.value),
        Basis::Uncalibrated => "uncalibrated, counts as 0".to_owned(),
    };
    format!("{flow}  by {}, {sure}", by.word())
}

fn shown(input: &Value) -> String {
    visible::line(&input.to_string(), 200)
}

/// Asks on a terminal. An answer that names no candidate is as unclear as the request was.
fn ask_here(
    shell: &Shell,
    question: &str,
    candidates: &[Routed],
) -> Result<Option<Routed>, CliError> {
    if !shell.output.is_for_people() || !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    shell.output.note(question);
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(Intents::chosen(&answer, candidates))
}

async fn start(mut shell: Shell, args: Args, flow: String, input: Value) -> Result<Exit, CliError> {
    let mut wish = StartRun::new(flow, input);
    wish.requested_by = Some(shell.person(None));
    if let Some(text) = &args.budget {
        wish.limits = read_limits(&shell, text)?;
    }
    let database = shell.database()?;
    let runtime = shell.driver(&database, args.model.as_ref()).await?;
    let started = runtime.start(wish).await?;
    let settled = settle::drive(runtime.clone(), started.run_id, &shell.output).await?;
    close(&shell.output, &runtime, started.run_id, &settled).await
}

fn nobody(intents: &Intents) -> CliError {
    let flows = intents.targets().iter();
    CliError::new(Code::NoFlowFits, "no flow is like this request")
        .with_details(flows.map(|target| format!("{}: {}", target.flow, target.description)))
        .with_hint("say it in other words, or name the flow: mainstay run FLOW --input key=value")
}
