//! `mainstay runs resume`.

use mainstay_core::{
    budget::Limits, code::Code, id::RunId, model::ModelId, run::RunStatus, store::row::RunRow,
    wait::Wait,
};
use mainstay_engine::runtime::Runtime;

use crate::cli::{self, error::CliError, exit::Exit, ids, settle, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of it, or @last
    #[arg(default_value = "@last")]
    run: String,
    /// What to add to its budget: +usd=0.25,+tokens=10k
    #[arg(long, short, value_name = "+LIMITS")]
    budget: Option<String>,
    #[command(flatten)]
    how: How,
}

/// How a run goes on.
#[derive(clap::Args)]
pub(crate) struct How {
    /// Who
    #[arg(long)]
    pub(super) by: Option<String>,
    /// The model behind every tier: VENDOR:NAME
    #[arg(long, value_name = "VENDOR:NAME")]
    pub(super) model: Option<ModelId>,
    /// Do not wait: a worker drives it
    #[arg(long)]
    pub(super) detach: bool,
}

pub(super) async fn run(mut shell: Shell, args: Args) -> Result<Exit, CliError> {
    let add = args.budget.as_deref().map(|text| read(&shell, text)).transpose()?;
    let reader = shell.reader().await?;
    let run_id = ids::run(&*reader.store, &args.run).await?;
    let row = reader.row(run_id).await?;
    let by = shell.person(args.how.by.clone());
    match add {
        Some(add) => reader.top_up(run_id, add, &by).await?,
        None => {
            may_go_on(&row)?;
            if waits_for_a_cap(&row) {
                reader.retry(run_id, &by).await?;
            }
        }
    }
    go_on(&mut shell, reader, run_id, &args.how).await
}

/// Drives the run from here, or leaves it to a worker.
pub(super) async fn go_on(
    shell: &mut Shell,
    reader: Runtime,
    run_id: RunId,
    how: &How,
) -> Result<Exit, CliError> {
    if how.detach {
        shell.output.line(run_id)?;
        shell.output.next(format!("mainstay runs tail {run_id}"));
        return Ok(Exit::Ok);
    }
    drop(reader);
    let database = shell.database()?;
    let runtime = shell.driver(&database, how.model.as_ref()).await?;
    let settled = settle::drive(runtime.clone(), run_id, &shell.output).await?;
    cli::run::close(&shell.output, &runtime, run_id, &settled).await
}

fn read(shell: &Shell, text: &str) -> Result<Limits, CliError> {
    Limits::read_top_up(text, shell.now()).map_err(|error| {
        CliError::new(Code::InvalidBudget, error.to_string())
            .with_hint("write what to add, such as `+usd=0.25,+tokens=10k`")
    })
}

fn waits_for_a_cap(row: &RunRow) -> bool {
    let waits = row.wait.as_ref().map(|set| set.waits.as_slice()).unwrap_or_default();
    waits.iter().any(|wait| matches!(wait, Wait::Budget { cap: Some(_), .. }))
}

/// Refuses what no driving would move.
fn may_go_on(row: &RunRow) -> Result<(), CliError> {
    let refused = |why: String, hint: String| {
        Err(CliError::new(Code::WrongStatus, format!("{} {why}", row.run_id)).with_hint(hint))
    };
    if row.status.is_terminal() {
        return refused(format!("is {}", row.status), format!("mainstay runs show {}", row.run_id));
    }
    let waits = row.wait.as_ref().filter(|_| row.status == RunStatus::Parked);
    for wait in waits.map(|set| set.waits.as_slice()).unwrap_or_default() {
        match wait {
            Wait::Review { review_id, .. } => {
                return refused(
                    "waits for a person".into(),
                    format!("mainstay reviews show {review_id}"),
                );
            }
            // A person may have raised the cap: the run looks again.
            Wait::Budget { cap: Some(_), .. } => {}
            Wait::Budget { exhausted, cap: None, .. } => {
                let name = exhausted.dimension.name();
                return refused(
                    format!("needs a larger budget: {exhausted}"),
                    format!("mainstay runs resume {} --budget +{name}=…", row.run_id),
                );
            }
            Wait::Divergence(_) | Wait::Quarantine { .. } => {
                return refused(
                    "was set aside for a person".into(),
                    format!("mainstay runs retry {}", row.run_id),
                );
            }
            Wait::Timer { .. }
            | Wait::Signal { .. }
            | Wait::Child { .. }
            | Wait::Retry { .. }
            | Wait::WorkerVersion { .. } => {}
        }
    }
    Ok(())
}
