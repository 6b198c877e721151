//! `mainstay runs cancel`.

use mainstay_core::{code::Code, id::RunId};
use mainstay_engine::runtime::Runtime;
use serde::Serialize;

use super::ls;
use crate::cli::{
    confirm::{Answer, Consent},
    error::CliError,
    exit::Exit,
    ids,
    query::Query,
    shell::Shell,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The runs: ids, beginnings of ids, or @last
    #[arg(required_unless_present = "query")]
    runs: Vec<String>,
    /// All unfinished runs that fit this filter
    #[arg(short, long, value_name = "FILTER", conflicts_with = "runs")]
    query: Option<String>,
    /// Why, for the record
    #[arg(long, default_value = "no reason given")]
    reason: String,
    /// Who
    #[arg(long)]
    by: Option<String>,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Serialize)]
struct Told {
    run_id: RunId,
    cancel_requested: bool,
    why_not: Option<String>,
}

/// A filter touches at most so many runs at a time.
const MOST: usize = 1_000;

pub(super) async fn run(shell: &Shell, args: Args) -> Result<Exit, CliError> {
    let runtime = shell.reader().await?;
    let mut wanted = Vec::new();
    for text in &args.runs {
        wanted.push(ids::run(&*runtime.store, text).await?);
    }
    if let Some(query) = &args.query {
        let rows = ls::find(&runtime, &Query::read(query)?, shell, MOST).await?;
        wanted.extend(rows.iter().filter(|row| !row.status.is_terminal()).map(|row| row.run_id));
    }
    let mut what = Vec::new();
    for &run_id in &wanted {
        let row = runtime.row(run_id).await?;
        if row.status.is_terminal() && wanted.len() == 1 {
            return Err(CliError::new(Code::WrongStatus, format!("{run_id} has ended"))
                .with_hint(format!("mainstay runs show {run_id}")));
        }
        what.push(format!("{run_id}  {}  {}", row.flow.name, row.status));
    }
    if args.consent.ask(&shell.output, "cancel", &what)? == Answer::No {
        return Ok(Exit::Ok);
    }
    let by = shell.person(args.by);
    let mut told = Vec::new();
    for run_id in wanted {
        told.push(tell(&runtime, run_id, &by, &args.reason).await?);
    }
    shell.output.list("runs", &told, &["RUN", ""], |told| {
        let said = told.why_not.clone().unwrap_or_else(|| "asked to end".to_owned());
        vec![told.run_id.to_string().into(), said.into()]
    })?;
    if let Some(first) = told.first() {
        shell.output.next(format!("mainstay runs tail {}", first.run_id));
    }
    Ok(Exit::Ok)
}

/// A run that ended in the meantime is no reason to leave out the others.
async fn tell(runtime: &Runtime, run_id: RunId, by: &str, reason: &str) -> Result<Told, CliError> {
    match runtime.cancel(run_id, by, reason).await {
        Ok(()) => Ok(Told { run_id, cancel_requested: true, why_not: None }),
        Err(error) if error.code == Code::WrongStatus => {
            Ok(Told { run_id, cancel_requested: false, why_not: Some(error.message) })
        }
        Err(error) => Err(error.into()),
    }
}
