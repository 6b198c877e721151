//! `mainstay flows check`: which unfinished runs this program could not go on with.

use mainstay_core::{
    flow::{FlowVersion, schedule::Wiring},
    fold::{Projection, steps::StepRun},
    id::RunId,
    run::RunStatus,
    store::row::IndexFilter,
};
use mainstay_engine::{flows::Flows, runtime::Runtime};
use serde::Serialize;

use crate::cli::{
    count,
    error::CliError,
    exit::Exit,
    output::{Cell, Tone},
    shell::Shell,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this flow
    flow: Option<String>,
}

/// A run that would not go on.
#[derive(Serialize)]
struct Stuck {
    run_id: RunId,
    flow: String,
    version: u32,
    why: String,
    step: Option<String>,
}

#[derive(Serialize)]
struct Checked {
    checked: usize,
    stuck: Vec<Stuck>,
}

/// Rows read at a time.
const PAGE: u32 = 500;

pub(super) async fn run(shell: &Shell, args: Args) -> Result<Exit, CliError> {
    if let Some(name) = &args.flow {
        super::find(shell, name)?;
    }
    let runtime = shell.reader().await?;
    runtime.store.refresh_index(10_000).await?;
    let mut filter = IndexFilter {
        flow: args.flow,
        statuses: vec![RunStatus::Queued, RunStatus::Running, RunStatus::Parked],
        limit: PAGE,
        ..IndexFilter::default()
    };
    let mut found = Checked { checked: 0, stuck: Vec::new() };
    loop {
        let page = runtime.store.list_runs(filter.clone()).await?;
        let Some(last) = page.last().map(|row| row.run_id) else { break };
        for row in page {
            found.checked += 1;
            found.stuck.extend(look(&runtime, row.run_id, &row.flow).await?);
        }
        filter.before = Some(last);
    }
    print(shell, &found)
}

fn print(shell: &Shell, found: &Checked) -> Result<Exit, CliError> {
    let output = &shell.output;
    if output.is_for_people() {
        output.table(
            &["RUN", "FLOW", "WHY IT WOULD NOT GO ON"],
            found.stuck.iter().map(|run| {
                vec![
                    Cell::from(run.run_id.to_string()),
                    format!("{} v{}", run.flow, run.version).into(),
                    Cell::toned(Tone::Bad, &run.why),
                ]
            }),
        )?;
    } else {
        output.document(found)?;
    }
    let (checked, stuck) = (count::of(found.checked, "unfinished run"), found.stuck.len());
    output.note(format!("{checked}, {stuck} would not go on"));
    if stuck == 0 {
        return Ok(Exit::Ok);
    }
    output.next("keep workers of the old version until these have ended");
    Ok(Exit::Conflict)
}

async fn look(
    runtime: &Runtime,
    run_id: RunId,
    version: &FlowVersion,
) -> Result<Option<Stuck>, CliError> {
    let stuck = |why: String, step: Option<String>| Stuck {
        run_id,
        flow: version.name.clone(),
        version: version.version,
        why,
        step,
    };
    let Some(known) = runtime.flows.get(version) else {
        return Ok(migration(runtime, run_id, version).await?.map(|why| stuck(why, None)));
    };
    let view = runtime.view(run_id).await?;
    let changed = changed_step(&view.projection, &known.wiring);
    Ok(changed.map(|step| {
        let name = step.key.to_string();
        stuck(format!("the body of its open step `{}` was changed", step.key.step), Some(name))
    }))
}

/// Says why a run of a version that is not here cannot be taken by a newer one.
async fn migration(
    runtime: &Runtime,
    run_id: RunId,
    version: &FlowVersion,
) -> Result<Option<String>, CliError> {
    let Some(newer) = newer(&runtime.flows, version) else {
        return Ok(Some(format!("this program has no {version}")));
    };
    let view = runtime.view(run_id).await?;
    if let Some(step) = view.projection.steps.iter().find(|step| step.is_open()) {
        let open = &step.key.step;
        return Ok(Some(format!("this program has no {version}, and `{open}` is open")));
    }
    let state = runtime.value(run_id, &view.projection.state).await?;
    Ok(match newer.program.migrate(version.version, &state) {
        Some(Ok(_)) => None,
        Some(Err(error)) => {
            Some(format!("v{} cannot take it: {}", newer.version.version, error.failure().message))
        }
        None => {
            Some(format!("v{} has no migration from v{}", newer.version.version, version.version))
        }
    })
}

fn newer<'a>(
    flows: &'a Flows,
    version: &FlowVersion,
) -> Option<&'a mainstay_engine::flows::KnownFlow> {
    flows.latest(&version.name).filter(|known| known.version.version > version.version)
}

/// Returns an open step that began with another body than this program has.
fn changed_step<'a>(run: &'a Projection, wiring: &Wiring) -> Option<&'a StepRun> {
    run.steps.iter().find(|step| {
        let now = wiring.definition().step(&step.key.step);
        step.is_open() && !now.is_some_and(|now| step.goes_on_with(now))
    })
}
