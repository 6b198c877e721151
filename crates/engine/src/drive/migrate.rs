//! What a worker does for a run of a version that it does not have: moves it to one that it has, at
//! a step boundary, visibly; or lets it wait.
//!
//! A move is two commits: the first journals the new state and a checkpoint, from which every later
//! load starts, so that entries of the old graph are never folded with the new one; the second moves
//! the run's row to the new version's lane. A crash in between is met by the next claim, whichever
//! version its worker has: it finds the row behind the journal, and moves the row.

use std::{ops::ControlFlow, sync::Arc};

use mainstay_core::{
    failure::Failure,
    flow::schedule::Wiring,
    fold::{Projection, steps::StepRun},
    journal::Entry,
    payload::Payload,
    store::operation::ClaimedRun,
    wait::{Divergence, Wait, WaitMode, WaitSet},
};
use tokio::sync::Notify;

use super::{Desk, Drive, Driven, Stop};
use crate::flows::KnownFlow;

/// Moves a claimed run of a version that this process cannot drive to one that it can.
pub(crate) async fn migrate(
    desk: Desk,
    claimed: ClaimedRun,
    inbox: Arc<Notify>,
) -> Result<Driven, Stop> {
    match Drive::without_code(desk, claimed, inbox).await? {
        ControlFlow::Continue(mut drive) => drive.migrate().await,
        ControlFlow::Break(driven) => Ok(driven),
    }
}

impl Drive {
    /// Moves the row of a run whose journal has moved already.
    pub(super) async fn follow_journal(&mut self) -> Result<Option<Driven>, Stop> {
        let version = self.book.run.flow.clone();
        if version == self.flow.version {
            return Ok(None);
        }
        self.book.move_to(version).await?;
        Ok(Some(Driven::Released))
    }

    async fn migrate(&mut self) -> Result<Driven, Stop> {
        let from = self.flow.version.clone();
        let target = self.desk.runtime.flows.latest(&from.name).cloned();
        let Some(target) = target.filter(|target| fits(&self.book.run, &target.wiring)) else {
            return self.wait_for_version().await;
        };
        let state = self.book.run.state.clone();
        let state = self.book.value(&state).await?;
        match target.program.migrate(from.version, &state) {
            Some(Ok(moved)) => self.move_to(&target, Payload::of(&moved)?).await,
            Some(Err(error)) => self.wait_for_person(&target, &error.into_failure()).await,
            None => self.wait_for_version().await,
        }
    }

    async fn move_to(&mut self, target: &KnownFlow, state: Payload) -> Result<Driven, Stop> {
        let (from, to) = (self.flow.version.clone(), target.version.clone());
        let label = self.book.run.state.payload.label.clone();
        let entry = Entry::Migrated { from, to: to.clone(), state: state.reference(label) };
        self.book.push(&entry, vec![state])?;
        self.book.commit_with_checkpoint().await?;
        self.book.move_to(to).await?;
        Ok(Driven::Released)
    }

    /// Lets the run wait for a worker that has its version.
    pub(super) async fn wait_for_version(&mut self) -> Result<Driven, Stop> {
        let run = &self.book.run;
        let step = run.steps.iter().find(|step| stays_open(run, step));
        let step = step.map(|step| step.key.clone());
        let flow = run.flow.clone();
        self.close_for(Wait::WorkerVersion { flow, step }).await
    }

    /// The newer version does not take this state: a person looks at both.
    async fn wait_for_person(
        &mut self,
        target: &KnownFlow,
        failure: &Failure,
    ) -> Result<Driven, Stop> {
        let due = self.book.run.steps.iter().find(|step| !step.is_over());
        let Some(step) = due.map(|step| step.key.clone()) else {
            return self.wait_for_version().await;
        };
        let (from, to) = (&self.flow.version, &target.version);
        let why = format!("{to} does not take the state of {from}: {}", failure.message);
        let because = Failure::permanent(failure.code, why);
        self.close_for(Wait::Divergence(Box::new(Divergence::because(step, because)))).await
    }

    pub(super) async fn close_for(&mut self, wait: Wait) -> Result<Driven, Stop> {
        self.close(WaitSet { mode: WaitMode::Any, waits: vec![wait] }).await
    }
}

/// Between steps, with every due step known to the new graph, and everything at hand that its
/// compensations take of what was done.
fn fits(run: &Projection, to: &Wiring) -> bool {
    let open = run.steps.iter().any(|step| stays_open(run, step));
    let mut due = run.steps.iter().filter(|step| !step.is_over() && !step.is_open());
    let known = due.all(|step| to.definition().step(&step.key.step).is_some());
    !open && !run.unwinding && known && run.can_be_undone_by(to)
}

/// Whether a StepRun keeps its version: it is open, and not let go because the run is asked to end.
fn stays_open(run: &Projection, step: &StepRun) -> bool {
    step.is_open() && (run.ending.is_none() || step.outlasts_the_end())
}
