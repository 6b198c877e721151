//! How a run ended, in words that do not depend on when it ran or how often it crashed.

use mainstay_core::run::RunStatus;
use mainstay_engine::{commands::RunView, runtime::Runtime};
use serde_json::Value;

/// What an undisturbed run and a recovered one must agree on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ending {
    status: RunStatus,
    output: Value,
    state: Value,
    failure: Option<String>,
}

impl Ending {
    pub(crate) async fn of(eyes: &Runtime, view: &RunView) -> Result<Self, String> {
        let (run, run_id) = (&view.projection, view.row.run_id);
        let state = eyes.value(run_id, &run.state).await.map_err(|e| e.to_string())?;
        let output = match &run.output {
            Some(held) => eyes.value(run_id, held).await.map_err(|e| e.to_string())?,
            None => Value::Null,
        };
        let failure = run.finished.as_ref().and_then(|end| end.failure.as_ref());
        let failure = failure.map(ToString::to_string);
        Ok(Self { status: view.row.status, output, state, failure })
    }
}
