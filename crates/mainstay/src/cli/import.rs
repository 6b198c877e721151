//! `mainstay import …`: what another framework's files hold, and what of it carries over.

use std::path::PathBuf;

use mainstay_agents::crewai::{AgentLine, Place, Project, Reading, Remark, Report, TaskLine};
use serde::Serialize;

use super::{
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    shell::Shell,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Check the agents and tasks of a CrewAI project, and list what does not carry over
    Crewai(Args),
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder with agents.yaml and tasks.yaml, or with a `config` that has them
    path: PathBuf,
    /// An unsupported field that may stand there, by name or path; else what mainstay.yaml accepts
    #[arg(long, value_name = "FIELD")]
    accept: Vec<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    process: &'static str,
    agents: &'a [AgentLine],
    tasks: &'a [TaskLine],
    inputs: &'a [String],
    unsupported: Vec<Line<'a>>,
    unknown: Vec<Line<'a>>,
    wrong: Vec<Line<'a>>,
    without_effect: Vec<Line<'a>>,
    loads: bool,
}

/// One field that does not simply carry over.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    place: &'a Place,
    field: &'a str,
    why: String,
}

impl<'a> Document<'a> {
    fn of(report: &'a Report, loads: bool) -> Self {
        let lines = |word: &str| {
            let some = report.remarks.iter().filter(|remark| remark.word() == word);
            let line = |remark: &'a Remark| Line {
                place: &remark.place,
                field: &remark.field,
                why: remark.why(),
            };
            some.map(line).collect()
        };
        Self {
            name: &report.name,
            process: report.process,
            agents: &report.agents,
            tasks: &report.tasks,
            inputs: &report.inputs,
            unsupported: lines("unsupported"),
            unknown: lines("unknown"),
            wrong: lines("wrong"),
            without_effect: lines("without effect"),
            loads,
        }
    }
}

pub(crate) fn run(shell: &Shell, command: &Command) -> Result<Exit, CliError> {
    let Command::Crewai(args) = command;
    let reading = Reading { accept: args.accept.clone(), ..Reading::default() };
    let project = Project::read(&args.path, &reading).map_err(refused)?;
    let (report, output) = (project.report(), &shell.output);
    let refusals = project.refusals().count();
    match output.format {
        Format::Json | Format::JsonLines => {
            output.document(&Document::of(report, refusals == 0))?;
        }
        Format::People => print(output, report)?,
    }
    if refusals > 0 {
        let fields = if refusals == 1 { "field refuses" } else { "fields refuse" };
        output.note(format!("{refusals} {fields} the crew `{}`", report.name));
        output.next("mainstay explain MS-1120");
        return Ok(Exit::Usage);
    }
    output.next(format!("mainstay run crew:{}{}", args.path.display(), inputs(report)));
    Ok(Exit::Ok)
}

/// Returns the part of a command line that gives the inputs.
fn inputs(report: &Report) -> String {
    if report.inputs.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = report.inputs.iter().map(|name| format!("{name}=…")).collect();
    format!(" --input {}", pairs.join(" "))
}

fn refused(failure: mainstay_core::failure::Failure) -> CliError {
    CliError::new(failure.code, failure.message)
}

fn print(output: &Output, report: &Report) -> Result<(), CliError> {
    let agents = report.agents.iter().map(|agent| {
        vec![agent.name.clone(), one_line(&agent.role), agent.model.clone(), agent.tools.join(", ")]
    });
    output.table(&["AGENT", "ROLE", "MODEL", "TOOLS"], agents)?;
    let tasks = report.tasks.iter().map(|task| {
        let context = task.context.as_ref().map_or("all before it".to_owned(), |c| c.join(", "));
        vec![task.name.clone(), task.agent.clone().unwrap_or_default(), context]
    });
    output.table(&["TASK", "AGENT", "CONTEXT"], tasks)?;
    let remarks = report.remarks.iter().map(|remark| {
        let place = remark.place.to_string();
        vec![place, remark.word().to_owned(), remark.field.clone(), remark.why()]
    });
    output.table(&["PLACE", "FIELD IS", "FIELD", "WHY"], remarks)?;
    Ok(())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
