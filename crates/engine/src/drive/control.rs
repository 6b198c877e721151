//! What any worker may do for a run, whatever its version: end it, when somebody asked for that.
//!
//! Ending needs no code where nothing has to be undone. A compensation without its code fails, and
//! the run ends `partial`: a person is told. An action that may be under way is never dropped: its
//! run waits for a worker of its version, which can find out.

use std::{ops::ControlFlow, sync::Arc};

use futures::future::BoxFuture;
use mainstay_core::{
    code::Code,
    failure::{Failure, StepError},
    flow::FlowDefinition,
    fold::steps::StepRun,
    store::operation::ClaimedRun,
};
use serde_json::Value;
use tokio::sync::Notify;

use super::{Desk, Drive, Driven, Stop};
use crate::{
    context::StepContext,
    flows::KnownFlow,
    program::{FlowProgram, InputError, Inputs, StepDone},
};

/// Ends a claimed run that nobody can drive, if it was asked to end; else gives it back.
pub(crate) async fn control(
    desk: Desk,
    claimed: ClaimedRun,
    inbox: Arc<Notify>,
) -> Result<Driven, Stop> {
    let mut drive = match Drive::without_code(desk, claimed, inbox).await? {
        ControlFlow::Continue(drive) => drive,
        ControlFlow::Break(driven) => return Ok(driven),
    };
    if drive.book.run.ending.is_none() {
        drive.book.release().await?;
        return Ok(Driven::Released);
    }
    if drive.book.run.steps.iter().any(StepRun::has_open_action) {
        return drive.wait_for_version().await;
    }
    Box::pin(drive.go_on(false)).await
}

impl Drive {
    /// Opens the books of a run whose code is not here, with the graph that the store has of it, and
    /// receives its mail. A run whose journal has moved already is let go where it belongs.
    pub(super) async fn without_code(
        desk: Desk,
        claimed: ClaimedRun,
        inbox: Arc<Notify>,
    ) -> Result<ControlFlow<Driven, Self>, Stop> {
        let version = claimed.run.flow.clone();
        let wiring = desk.runtime.wiring(&version).await?;
        let program = Arc::new(Absent(wiring.definition().clone()));
        let flow = KnownFlow { program, wiring, version };
        let mut drive = Self::open(desk, flow, claimed, inbox).await?;
        if let Some(driven) = drive.follow_journal().await? {
            return Ok(ControlFlow::Break(driven));
        }
        drive.receive().await?;
        Ok(ControlFlow::Continue(drive))
    }
}

/// The program of a flow whose code is not here: it has the graph, and its steps cannot run.
struct Absent(FlowDefinition);

impl Absent {
    fn failure(&self, what: &str) -> Failure {
        let why = format!("no worker has {}, so {what}", self.0.flow_version());
        Failure::permanent(Code::NoWorkerForVersion, why)
    }
}

impl FlowProgram for Absent {
    fn definition(&self) -> &FlowDefinition {
        &self.0
    }

    fn initial(&self, _: &Value) -> Result<Value, InputError> {
        let message = self.failure("no run of it can start").message;
        Err(InputError { path: String::new(), message })
    }

    fn route(&self, router: usize, _: &Value, _: &Inputs) -> Result<String, StepError> {
        Err(self.failure(&self.could_not_run(router)).into())
    }

    fn run(
        &self,
        step: usize,
        _: Arc<Value>,
        _: Inputs,
        _: StepContext,
    ) -> BoxFuture<'static, Result<StepDone, StepError>> {
        let failure = self.failure(&self.could_not_run(step));
        Box::pin(std::future::ready(Err(failure.into())))
    }
}

impl Absent {
    fn could_not_run(&self, step: usize) -> String {
        let name = self.0.steps.get(step).map_or("a step", |step| &*step.name);
        format!("`{name}` could not run")
    }
}
