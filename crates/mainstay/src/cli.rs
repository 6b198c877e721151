//! The command line: one command, one file, one exhaustive match.

mod ask;
mod audit;
mod bench;
mod completion;
mod confirm;
mod count;
mod crews;
mod demo;
mod doctor;
pub(crate) mod error;
pub(crate) mod exit;
pub(crate) mod explain;
mod flows;
mod health;
mod ids;
mod import;
mod input;
mod interrupt;
mod jobs;
mod migrate;
mod models;
mod output;
mod prompts;
mod query;
mod reach;
mod report;
mod reviews;
mod run;
mod runs;
mod settle;
mod shell;
pub(crate) mod span;
mod timeline;
mod tools;
mod usage;
mod version;
mod worker;

use std::ffi::OsString;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::{
    error::CliError,
    exit::Exit,
    output::{ColorWhen, Format, Output},
    shell::Shell,
};
use crate::{
    app::App,
    config::{LogFormat, Settings},
};

/// Durable flows that call models and tools inside hard limits.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args, Clone)]
pub(crate) struct Global {
    /// The database: sqlite://PATH or postgres://…; else DATABASE_URL, else .mainstay/mainstay.db
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    db: Option<String>,
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    /// Print JSON, a document a line
    #[arg(long, global = true, conflicts_with = "json")]
    jsonl: bool,
    /// Add the crew in this folder as the flow crew:NAME
    #[arg(long, global = true, value_name = "FOLDER")]
    crew: Vec<std::path::PathBuf>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    color: ColorWhen,
}

#[derive(Subcommand)]
enum Command {
    /// Watch the sample flow work through real letters, crashes included; needs no key
    Demo(demo::Args),
    /// Start a run and wait until it ends or needs somebody
    Run(run::Args),
    /// Find the flow that a request in words is for, and start it
    Ask(ask::Args),
    /// Drive runs until told to stop
    Worker(worker::Args),
    /// List, show, follow, cancel, resume, retry and fork runs
    #[command(subcommand)]
    Runs(runs::Command),
    /// List and decide what waits for a person
    #[command(subcommand)]
    Reviews(reviews::Command),
    /// List, draw and check this program's flows
    #[command(subcommand)]
    Flows(flows::Command),
    /// See what of another framework's files carries over
    #[command(subcommand)]
    Import(import::Command),
    /// List, print and compare this program's prompts
    #[command(subcommand)]
    Prompts(prompts::Command),
    /// Carry out plans that are given as data
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// List models, tiers and endpoints, ask whether they answer, print prices
    #[command(subcommand)]
    Models(models::Command),
    /// List, show, call and check this program's tools, see how they have been doing
    #[command(subcommand)]
    Tools(tools::Command),
    /// Check what exported journals prove, without the database
    #[command(subcommand)]
    Audit(audit::Command),
    /// Show what was spent, by whom, and how far each shared cap is used up
    Usage(usage::Args),
    /// Find out what is wrong with the store, the workers or the runs
    Doctor,
    /// Measure durable steps against the database's own limit
    Bench(bench::Args),
    /// Explain an error code
    Explain(explain::Args),
    /// Make the database's schema or bring it up to date
    Migrate(migrate::Args),
    /// Print a completion script
    Completion(completion::Args),
    /// Print the version
    Version,
}

/// Runs a command line.
pub(crate) fn run<I, T>(mut app: App, arguments: I) -> Exit
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let mut command = Cli::command();
    if let Some(about) = app.about {
        command = command.about(about);
    }
    let parsed =
        command.try_get_matches_from(arguments).and_then(|found| Cli::from_arg_matches(&found));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(refused) => return refuse(&refused),
    };
    let settings = Settings::from_env();
    let no_color = settings.as_ref().is_ok_and(|settings| settings.no_color);
    let output = Output::new(cli.global.format(), cli.global.color, no_color);
    let done = settings.and_then(|settings| {
        start_log(&settings)?;
        crews::add(&mut app, &cli.global.crew)?;
        perform(cli.command, Shell::new(app, settings, output, &cli.global))
    });
    done.unwrap_or_else(|error| tell(&output, &error))
}

impl Global {
    const fn format(&self) -> Format {
        match (self.json, self.jsonl) {
            (true, _) => Format::Json,
            (_, true) => Format::JsonLines,
            _ => Format::People,
        }
    }
}

/// Help and version are answers; anything else is a wrong use.
fn refuse(refused: &clap::Error) -> Exit {
    // A closed stream changes nothing about what was asked.
    let _ = refused.print();
    if refused.use_stderr() { Exit::Usage } else { Exit::Ok }
}

fn tell(output: &Output, error: &CliError) -> Exit {
    if error.exit == Exit::Ok {
        return Exit::Ok;
    }
    if output.is_for_people() {
        output.error(error);
    } else {
        let document = std::collections::BTreeMap::from([("error", error.document())]);
        output.note(serde_json::to_string(&document).unwrap_or_default());
    }
    error.exit
}

/// Commands that need no runtime do not wait for one.
fn perform(command: Command, shell: Shell) -> Result<Exit, CliError> {
    match command {
        Command::Explain(args) => explain::run(&shell, &args),
        Command::Completion(args) => completion::run(&shell, &args, Cli::command()),
        Command::Version => version::run(&shell),
        Command::Audit(command) => audit::run(&shell, &command),
        Command::Import(command) => import::run(&shell, &command),
        Command::Flows(command) if !command.needs_store() => flows::look(&shell, &command),
        Command::Prompts(command) => prompts::run(&shell, &command),
        Command::Demo(args) => on_runtime(demo::run(shell, args)),
        Command::Run(args) => on_runtime(run::run(shell, args)),
        Command::Ask(args) => on_runtime(ask::run(shell, args)),
        Command::Worker(args) => on_runtime(worker::run(shell, args)),
        Command::Runs(command) => on_runtime(runs::run(shell, command)),
        Command::Jobs(command) => on_runtime(jobs::run(shell, command)),
        Command::Reviews(command) => on_runtime(reviews::run(shell, command)),
        Command::Flows(command) => on_runtime(flows::run(shell, command)),
        Command::Models(command) => on_runtime(models::run(shell, command)),
        Command::Tools(command) => on_runtime(tools::run(shell, command)),
        Command::Usage(args) => on_runtime(usage::run(shell, args)),
        Command::Doctor => on_runtime(doctor::run(shell)),
        Command::Migrate(args) => on_runtime(migrate::run(shell, args)),
        Command::Bench(args) => on_runtime(bench::run(shell, args)),
    }
}

fn on_runtime(command: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(Box::pin(command));
    // A tool that never returns must not keep the process alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    done
}

fn start_log(settings: &Settings) -> Result<(), CliError> {
    let filter = settings.log.as_deref().unwrap_or("warn");
    let quiet = quieter(filter);
    let filter = tracing_subscriber::EnvFilter::try_new(&quiet).map_err(|error| {
        CliError::new(
            mainstay_core::code::Code::InvalidConfig,
            format!("MAINSTAY_LOG is `{filter}`: {error}"),
        )
        .with_hint("write a level, or targets such as `mainstay_engine=debug,warn`")
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A program that set up its own log keeps it.
    let _ = match settings.log_format {
        LogFormat::Text => log.with_ansi(!settings.no_color).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    Ok(())
}

/// The crate that speaks MCP logs every message: what servers and models say is not for a log that
/// asks for everything of ours.
fn quieter(filter: &str) -> String {
    if filter.contains("rmcp") { filter.to_owned() } else { format!("{filter},rmcp=warn") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_everything_leaves_out_the_messages_of_mcp() {
        assert_eq!(quieter("debug"), "debug,rmcp=warn");
        assert_eq!(quieter("warn,rmcp=trace"), "warn,rmcp=trace");
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
