//! What `run --json` prints, and what people read instead.

pub(crate) mod budget;
mod document;
pub(crate) mod spending;

use mainstay_core::{
    run::RunStatus,
    store::row::RunRow,
    wait::{Wait, WaitMode, WaitSet},
};
use mainstay_engine::{commands::RunView, runtime::Runtime};
use serde_json::Value;

use super::{count, error::CliError, output::Output};
pub(crate) use document::{RunDocument, SpendDocument};

/// Returns the row of a queued run with why it is not running: no worker has its version, or
/// nothing. What it last waited for is over.
pub(crate) async fn explained(runtime: &Runtime, row: RunRow) -> Result<RunRow, CliError> {
    if row.status != RunStatus::Queued {
        return Ok(row);
    }
    let lacks = runtime.lacks_worker(&row).await?;
    let wait = Wait::WorkerVersion { flow: row.flow.clone(), step: None };
    let wait = lacks.then(|| WaitSet { mode: WaitMode::Any, waits: vec![wait] });
    Ok(RunRow { wait, ..row })
}

/// Returns what a run returned; nothing while it has not ended.
pub(crate) async fn output_of(runtime: &Runtime, view: &RunView) -> Result<Value, CliError> {
    match &view.projection.output {
        Some(held) => Ok(runtime.value(view.row.run_id, held).await?),
        None => Ok(Value::Null),
    }
}

/// Prints a run: its document, or its output as data and its error for people.
pub(crate) async fn print(
    output: &Output,
    runtime: &Runtime,
    view: &RunView,
) -> Result<(), CliError> {
    let value = output_of(runtime, view).await?;
    if !output.is_for_people() {
        return Ok(output.document(&RunDocument::of(view, value))?);
    }
    match error_of(view) {
        Some(error) => output.error(&error),
        None if view.row.status == RunStatus::Completed => output.document(&value)?,
        None => output.line(view.row.run_id)?,
    }
    Ok(())
}

/// Tells the next useful command for where the run stands.
pub(crate) fn advise(output: &Output, view: &RunView) {
    let run_id = view.row.run_id;
    let waits = view.row.wait.as_ref().map(|set| set.waits.as_slice()).unwrap_or_default();
    for wait in waits {
        match wait {
            Wait::Review { review_id, .. } => {
                output.note(format!("{run_id} waits for a person"));
                return output.next(format!("mainstay reviews show {review_id}"));
            }
            Wait::Signal { name, .. } => {
                output.note(format!("{run_id} waits for the signal `{name}`"));
            }
            Wait::Timer { .. }
            | Wait::Child { .. }
            | Wait::Retry { .. }
            | Wait::Budget { .. }
            | Wait::WorkerVersion { .. }
            | Wait::Divergence(_)
            | Wait::Quarantine { .. } => {}
        }
    }
    output.next(format!("mainstay runs show {run_id}"));
}

/// Returns why the run did not complete, if there is more to say than that it waits.
pub(crate) fn error_of(view: &RunView) -> Option<CliError> {
    let run_id = view.row.run_id;
    if let Some(failure) = view.projection.finished.as_ref().and_then(|end| end.failure.as_ref()) {
        let at = view.projection.ending.as_ref().and_then(|cause| match cause {
            mainstay_core::journal::Cause::Failed { step, .. } => {
                Some(format!("at step `{}`", step.step))
            }
            mainstay_core::journal::Cause::Cancelled { .. } => None,
        });
        return Some(
            CliError::new(failure.code, &*failure.message)
                .with_details(at)
                .with_hint(format!("mainstay runs show {run_id}")),
        );
    }
    let waits = view.row.wait.as_ref().map(|set| set.waits.as_slice()).unwrap_or_default();
    waits.iter().find_map(|wait| stopped_by(view, wait))
}

/// Returns the error of a wait that is one.
fn stopped_by(view: &RunView, wait: &Wait) -> Option<CliError> {
    use mainstay_core::code::Code;
    let run_id = view.row.run_id;
    match wait {
        Wait::Budget { exhausted, cap: Some(cap), .. } => {
            Some(budget::cap_reached(view, exhausted, cap))
        }
        Wait::Budget { exhausted, within, cap: None } => {
            Some(budget::reached(view, exhausted, within.as_deref()))
        }
        Wait::Divergence(divergence) => {
            let sides = [
                divergence.journal.as_ref().map(|head| format!("the journal holds: {head}")),
                divergence.code.as_ref().map(|head| format!("the code asks for: {head}")),
            ];
            let step = &divergence.step.step;
            if let Some(why) = &divergence.because {
                return Some(
                    CliError::new(why.code, format!("at step `{step}`: {}", why.message))
                        .with_hint(format!(
                            "mainstay runs retry {run_id}, with a program that can"
                        )),
                );
            }
            let message = format!("code and journal disagree at step `{step}`");
            Some(
                CliError::new(Code::Divergence, message)
                    .with_details(sides.into_iter().flatten())
                    .with_hint(format!(
                        "mainstay runs retry {run_id}, with the code it began with"
                    )),
            )
        }
        Wait::Quarantine { crashes } => {
            let message = format!(
                "{run_id} crashed its worker {} without progress",
                count::of(crashes, "time")
            );
            Some(
                CliError::new(Code::Quarantined, message)
                    .with_hint(format!("mainstay runs retry {run_id}")),
            )
        }
        Wait::WorkerVersion { flow, step } => {
            let part = step.as_ref().map(|step| format!("; step `{}` was changed", step.step));
            let message = format!("no worker has {flow}{}", part.unwrap_or_default());
            Some(
                CliError::new(Code::NoWorkerForVersion, message)
                    .with_hint("start a worker of the version it began with"),
            )
        }
        Wait::Review { .. }
        | Wait::Timer { .. }
        | Wait::Signal { .. }
        | Wait::Child { .. }
        | Wait::Retry { .. } => None,
    }
}
