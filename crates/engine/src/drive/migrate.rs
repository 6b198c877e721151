//! Moving a run to another version of its flow, at a step boundary, visibly.
//!
//! Two commits: the first journals the new state and a checkpoint, from which every later load
//! starts, so that entries of the old graph are never folded with the new one; the second moves the
//! run's row to the new version's lane. A crash in between is met by the next claim, which finds
//! the journal moved and moves the row.

use std::sync::Arc;

use mainstay_core::{
    flow::{FlowVersion, schedule::Wiring},
    fold::{Projection, steps::StepRun},
    journal::Entry,
    label::Label,
    payload::Payload,
    store::operation::ClaimedRun,
    wait::{Wait, WaitMode, WaitSet},
};

use super::{Desk, Driven, Stop, book::Book};
use crate::{flows::KnownFlow, journal};

/// Moves a claimed run of a version that this process cannot drive to one that it can.
pub(crate) async fn migrate(desk: &Desk, mut claimed: ClaimedRun) -> Result<Driven, Stop> {
    let run_id = claimed.run.run_id;
    desk.runtime.fetch_fold(run_id, &mut claimed.journal).await?;
    let wiring = desk.runtime.wiring(&claimed.run.flow).await?;
    let (run, head) = journal::fold_with_head(run_id, &claimed.journal, &wiring)?;
    let target = desk.runtime.flows.latest(&claimed.run.flow.name).cloned();
    let mut book = Book::new(desk, wiring, run, (claimed.run.epoch, head), &claimed.journal);
    let Some(target) = target.filter(|target| fits(&book.run, &target.wiring)) else {
        return wait_for_version(&mut book, claimed.run.flow).await;
    };
    if book.run.flow != target.version {
        journal_move(&mut book, &target).await?;
    }
    book.move_to(target.version).await?;
    Ok(Driven::Released)
}

/// Between steps, and with every due step known to the new graph.
fn fits(run: &Projection, to: &Arc<Wiring>) -> bool {
    let open = run.steps.iter().any(StepRun::is_open);
    let mut due = run.steps.iter().filter(|step| !step.is_over());
    !open && !run.unwinding && due.all(|step| to.definition().step(&step.key.step).is_some())
}

async fn journal_move(book: &mut Book, target: &KnownFlow) -> Result<(), Stop> {
    let state = book.run.state.clone();
    let state = book.value(&state).await?;
    let from = book.run.flow.clone();
    let moved = target.program.migrate(from.version, &state);
    let moved = moved
        .ok_or_else(|| Stop::Corrupt(format!("{} takes no runs of {from}", target.version)))?;
    let moved = moved.map_err(|e| Stop::Corrupt(e.into_failure().to_string()))?;
    let state = Payload::of(&moved)?;
    let to = target.version.clone();
    let entry = Entry::Migrated { from, to, state: state.reference(Label::default()) };
    book.push(&entry, vec![state])?;
    book.commit_with_checkpoint().await
}

async fn wait_for_version(book: &mut Book, flow: FlowVersion) -> Result<Driven, Stop> {
    let step = book.run.steps.iter().find(|step| step.is_open()).map(|step| step.key.clone());
    let wait = WaitSet { mode: WaitMode::Any, waits: vec![Wait::WorkerVersion { flow, step }] };
    book.park(wait).await.map(|_| Driven::Parked)
}
