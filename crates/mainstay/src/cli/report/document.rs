//! The JSON document of a run. Its fields and their order are a contract.

use mainstay_core::{
    budget::Spend,
    fold::steps::{Phase, StepRun},
    id::{ReviewId, RunId},
    run::RunStatus,
    wait::{Wait, WaitSet},
};
use mainstay_engine::commands::RunView;
use serde::Serialize;
use serde_json::Value;

use crate::cli::error::{CliError, ErrorDocument};

/// A run, as `mainstay run --json` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct RunDocument {
    run_id: Option<RunId>,
    flow: String,
    version: Option<u32>,
    status: Option<RunStatus>,
    waiting_for: Option<Vec<&'static str>>,
    output: Value,
    error: Option<ErrorDocument>,
    review_id: Option<ReviewId>,
    spend: SpendDocument,
    steps: Vec<StepDocument>,
}

/// What was used up. Money is in dollars.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct SpendDocument {
    usd: f64,
    input_tokens: u64,
    output_tokens: u64,
    model_calls: u64,
    tool_calls: u64,
    wall_ms: u64,
    /// Of the calls that let a kept answer be given again; absent where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<CacheDocument>,
}

/// How many calls were answered from the cache, for nothing.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct CacheDocument {
    asked: u64,
    hits: u64,
    rate: f64,
}

impl CacheDocument {
    #[expect(clippy::cast_precision_loss, reason = "a run makes far fewer calls than 2^53")]
    fn of((hits, asked): (u64, u64)) -> Self {
        Self { asked, hits, rate: hits as f64 / asked.max(1) as f64 }
    }
}

/// A step that became due.
#[derive(Debug, Serialize)]
struct StepDocument {
    name: String,
    status: &'static str,
    attempts: u32,
    duration_ms: Option<u64>,
}

impl RunDocument {
    /// Returns the document of a run with its output.
    pub(crate) fn of(view: &RunView, output: Value) -> Self {
        let run = &view.projection;
        let waits = view.row.wait.as_ref().filter(|_| !view.row.status.is_terminal());
        Self {
            run_id: Some(view.row.run_id),
            flow: view.row.flow.name.clone(),
            version: Some(view.row.flow.version),
            status: Some(view.row.status),
            waiting_for: waits.map(WaitSet::words),
            output,
            error: super::error_of(view).map(|error| error.document()),
            review_id: waits.and_then(first_review),
            spend: SpendDocument {
                cache: super::spending::cached(view.rows.iter().map(|(_, entry)| entry))
                    .map(CacheDocument::of),
                ..SpendDocument::of(&run.ledger.total_spent())
            },
            steps: view.steps().into_iter().map(StepDocument::of).collect(),
        }
    }

    /// Returns the document of a run that was refused before it began.
    pub(crate) fn refused(flow: String, error: &CliError) -> Self {
        Self {
            run_id: None,
            flow,
            version: None,
            status: None,
            waiting_for: None,
            output: Value::Null,
            error: Some(error.document()),
            review_id: None,
            spend: SpendDocument::default(),
            steps: Vec::new(),
        }
    }
}

fn first_review(set: &WaitSet) -> Option<ReviewId> {
    set.waits.iter().find_map(|wait| match wait {
        Wait::Review { review_id, .. } => Some(*review_id),
        Wait::Timer { .. }
        | Wait::Signal { .. }
        | Wait::Child { .. }
        | Wait::Retry { .. }
        | Wait::Budget { .. }
        | Wait::WorkerVersion { .. }
        | Wait::Divergence(_)
        | Wait::Quarantine { .. } => None,
    })
}

impl SpendDocument {
    pub(crate) fn of(spend: &Spend) -> Self {
        Self {
            usd: dollars(spend.usd),
            input_tokens: spend.input_tokens,
            output_tokens: spend.output_tokens,
            model_calls: spend.model_calls,
            tool_calls: spend.tool_calls,
            wall_ms: spend.wall,
            cache: None,
        }
    }
}

/// Every amount below nine billion dollars prints with its exact six decimals.
#[expect(clippy::cast_precision_loss, reason = "micro-dollars stay far below 2^53")]
fn dollars(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl StepDocument {
    fn of(step: &StepRun) -> Self {
        let status = match step.phase {
            Phase::Due => "due",
            Phase::Open => "open",
            Phase::Retrying { .. } => "retrying",
            Phase::Finished => "completed",
            Phase::Failed(_) => "failed",
        };
        let span = step.started_at.zip(step.ended_at).map(|(start, end)| end.since(start));
        Self {
            name: step.key.step.to_string(),
            status,
            attempts: step.attempt,
            duration_ms: span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}
