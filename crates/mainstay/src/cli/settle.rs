//! Driving a run from this process until it ends or needs somebody.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use mainstay_core::{
    id::RunId,
    run::RunStatus,
    store::row::RunRow,
    wait::{Wait, WaitMode},
};
use mainstay_engine::{commands::is_stopped, error::EngineError, runtime::Runtime, worker::Worker};
use tokio_util::sync::CancellationToken;

use super::{
    error::CliError, exit::Exit, interrupt, output::Output, reach, report, run::progress::Progress,
};

/// Pause between two looks at the run.
const LOOK: Duration = Duration::from_millis(10);

/// Where waiting ended.
pub(crate) enum Settled {
    /// The run ended or is parked; the row is its own, or that of the child it waits for.
    At(Box<RunRow>),
    /// Somebody interrupted this process. The run goes on when a worker claims it.
    Interrupted,
}

impl Settled {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::At(row) => Exit::of_run(row),
            Self::Interrupted => Exit::Interrupted,
        }
    }
}

/// Drives runs with a worker of this process until this one is settled, then gives all others
/// back. Flows that may call tools of workers in other processes are left to `mainstay worker`.
pub(crate) async fn drive(
    mut runtime: Runtime,
    run_id: RunId,
    output: &Output,
) -> Result<Settled, CliError> {
    let within = Arc::new(reach::within(&runtime.flows, &runtime.tools.specs()));
    let all = std::mem::replace(&mut runtime.flows, within);
    let flow = runtime.row(run_id).await?.flow;
    if let Some(own) = all.get(&flow).filter(|_| !runtime.flows.accept(&flow)) {
        // A run whose flow nobody has registered yet could not be shown.
        runtime.store.register_flow(own.program.definition().clone()).await?;
        output.note(format!("{} is left to `mainstay worker`, which its tools reach", flow.name));
    }
    drive_all(runtime, run_id, output).await
}

/// Drives runs as [`drive`] does, and this one whatever its flow: somebody has seen that it reaches
/// nothing of another process.
pub(crate) async fn drive_here(
    mut runtime: Runtime,
    run_id: RunId,
    output: &Output,
) -> Result<Settled, CliError> {
    let mut driven = reach::within(&runtime.flows, &runtime.tools.specs());
    let flow = runtime.row(run_id).await?.flow;
    if let Some(own) = runtime.flows.get(&flow) {
        driven.add(Arc::clone(&own.program));
    }
    runtime.flows = Arc::new(driven);
    drive_all(runtime, run_id, output).await
}

async fn drive_all(runtime: Runtime, run_id: RunId, output: &Output) -> Result<Settled, CliError> {
    let runtime = Arc::new(runtime);
    let stop = CancellationToken::new();
    let progress = Progress::start(output, &runtime, run_id);
    let worker = Worker::new(Arc::clone(&runtime), name());
    let mut worker = tokio::spawn(worker.run(stop.clone()));
    let settled = tokio::select! {
        biased;
        () = interrupt::asked() => Ok(Settled::Interrupted),
        row = settled(&runtime, run_id) => row.map(|row| Settled::At(Box::new(row))),
        ended = &mut worker => return Err(ended_early(ended)),
    };
    stop.cancel();
    let drained = worker.await;
    progress.end().await;
    let settled = settled?;
    drained.map_err(|error| bug(&error))?.map_err(CliError::from)?;
    Ok(settled)
}

fn ended_early<T>(ended: Result<Result<T, EngineError>, tokio::task::JoinError>) -> CliError {
    match ended {
        Ok(Err(error)) => error.into(),
        Ok(Ok(_)) => bug(&"the worker stopped by itself"),
        Err(error) => bug(&error),
    }
}

fn bug(what: &dyn std::fmt::Display) -> CliError {
    CliError::new(mainstay_core::code::Code::Bug, what.to_string())
}

/// Returns the name by which people know this process's worker.
pub(crate) fn name() -> String {
    let host = rustix::system::uname();
    format!("{}:{}", host.nodename().to_string_lossy(), std::process::id())
}

/// Waits until the run has ended, or nothing but a person or another system brings it further.
async fn settled(runtime: &Runtime, run_id: RunId) -> Result<RunRow, CliError> {
    loop {
        let row = runtime.row(run_id).await?;
        if let Some(stopped) = stopped_at(runtime, row).await? {
            return Ok(stopped);
        }
        runtime.clock.sleep(LOOK).await;
    }
}

/// Returns the row that says why the run does not go on: its own, or that of a child it waits for.
fn stopped_at(runtime: &Runtime, row: RunRow) -> BoxFuture<'_, Result<Option<RunRow>, CliError>> {
    async move {
        if row.status.is_terminal() || is_stopped(&row) {
            return Ok(Some(row));
        }
        if row.status == RunStatus::Queued && !runtime.flows.accept(&row.flow) {
            let row = report::explained(runtime, row).await?;
            return Ok(Some(row).filter(|row| row.wait.is_some()));
        }
        let Some(set) = row.wait.as_ref().filter(|_| row.status == RunStatus::Parked) else {
            return Ok(None);
        };
        let mut stopped = None;
        for wait in &set.waits {
            let at = child_stopped(runtime, wait).await?;
            match (at, set.mode) {
                (Some(child), _) => stopped = Some(child),
                // Something else may still wake it.
                (None, WaitMode::Any) => return Ok(None),
                (None, WaitMode::All) => {}
            }
        }
        Ok(stopped)
    }
    .boxed()
}

/// Returns the row at which a child that somebody waits for stopped short of its end.
async fn child_stopped(runtime: &Runtime, wait: &Wait) -> Result<Option<RunRow>, CliError> {
    let Wait::Child { run_id } = wait else { return Ok(None) };
    let Some(child) = runtime.store.run(*run_id).await? else { return Ok(None) };
    if child.status.is_terminal() {
        // Its message is on its way to the parent.
        return Ok(None);
    }
    stopped_at(runtime, child).await
}
