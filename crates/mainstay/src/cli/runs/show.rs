//! `mainstay runs show`.

use mainstay_core::{budget::Dimension, run::RunStatus, time::Timestamp};
use mainstay_engine::{commands::RunView, runtime::Runtime};
use serde::Serialize;
use serde_json::Value;

use super::ls;
use crate::cli::{
    count,
    error::CliError,
    exit::Exit,
    ids,
    output::{Output, Tone},
    report::{self, RunDocument},
    shell::Shell,
    span,
    timeline::{self, Moment, Timeline},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of it, or @last
    #[arg(default_value = "@last")]
    run: String,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    run: RunDocument,
    tenant: String,
    created_at: String,
    recoveries: u32,
    timeline: Vec<Moment>,
}

pub(super) async fn run(shell: &Shell, args: Args) -> Result<Exit, CliError> {
    let runtime = shell.reader().await?;
    let run_id = ids::run(&*runtime.store, &args.run).await?;
    let mut view = runtime.view(run_id).await?;
    view.row = report::explained(&runtime, view.row).await?;
    let moments = moments(&view);
    if shell.output.is_for_people() {
        for line in
            lines(&view, &moments, shell.now(), &|tone, text| shell.output.paint(tone, text))
        {
            shell.output.line(line)?;
        }
        next(&shell.output, &view);
        return Ok(Exit::Ok);
    }
    shell.output.document(&Shown {
        run: RunDocument::of(&view, output_of(&runtime, &view).await?),
        tenant: view.projection.tenant.clone(),
        created_at: span::rfc3339(view.projection.created_at),
        recoveries: view.projection.recoveries,
        timeline: moments,
    })?;
    Ok(Exit::Ok)
}

async fn output_of(runtime: &Runtime, view: &RunView) -> Result<Value, CliError> {
    match &view.projection.output {
        Some(held) => Ok(runtime.value(view.row.run_id, held).await?),
        None => Ok(Value::Null),
    }
}

fn moments(view: &RunView) -> Vec<Moment> {
    let mut timeline = Timeline::default();
    view.rows.iter().filter_map(|(row, entry)| timeline.take(row, entry)).collect()
}

/// Returns the head, what was used, and the timeline.
fn lines(
    view: &RunView,
    moments: &[Moment],
    now: Timestamp,
    paint: &dyn Fn(Tone, &str) -> String,
) -> Vec<String> {
    let run = &view.projection;
    let status = paint(ls::tone(view.row.status), view.row.status.as_str());
    let end = if view.row.status.is_terminal() { run.at } else { now };
    let age = span::show(end.since(run.created_at));
    let head = format!("{}  {} v{}  {status}", view.row.run_id, run.flow.name, run.flow.version);
    let mut about = vec![format!("began {}, {age} ago", span::date(run.created_at))];
    if view.row.status.is_terminal() {
        about = vec![format!("began {}, took {age}", span::date(run.created_at))];
    }
    about.push(format!("tenant {}", run.tenant));
    about.extend(run.tags.iter().map(|(key, value)| format!("{key}={value}")));
    about.extend(run.parent.as_ref().map(|parent| format!("child of {}", parent.run_id)));
    about.extend(
        (run.recoveries > 0).then(|| format!("recovered {}", count::of(run.recoveries, "time"))),
    );
    let mut lines = vec![head, format!("  {}", about.join(" · "))];
    let used = report::budget::lines(view);
    lines.extend((!used.is_empty()).then(|| format!("  {}", used.join(" · "))));
    lines.push(String::new());
    lines.extend(timeline::lines(moments, paint));
    if let Some(error) = report::error_of(view) {
        lines.extend([String::new(), error.to_string()]);
    }
    lines
}

fn next(output: &Output, view: &RunView) {
    let run_id = view.row.run_id;
    match view.row.status {
        RunStatus::Queued | RunStatus::Running => {
            output.next(format!("mainstay runs tail {run_id}"));
        }
        RunStatus::Parked => report::advise(output, view),
        RunStatus::Failed | RunStatus::Partial | RunStatus::Cancelled => {
            output.next(format!("mainstay runs fork {run_id}"));
        }
        RunStatus::Completed => {
            let spent = view.projection.ledger.total_spent().get(Dimension::Usd);
            let flow = &view.row.flow.name;
            if spent > 0 {
                output.next(format!("mainstay runs ls -q flow:{flow}"));
            } else {
                output.next("mainstay runs ls");
            }
        }
    }
}
