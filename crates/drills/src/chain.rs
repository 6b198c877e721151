//! The chain of `mainstay bench`: steps that only return a fresh value, driven by whatever a drill
//! measures.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use mainstay::{Chain, StartRun};
use mainstay_core::{id::RunId, port::Clock};
use mainstay_engine::{runtime::Runtime, system::SystemClock};
use serde_json::json;

use crate::Fault;

/// Steps of a run.
pub const STEPS: u32 = 10;

/// Bytes of each step's value, unless a drill says otherwise.
pub const PAYLOAD: usize = 1_024;

/// Runs started at the same time.
const STARTS: usize = 32;

/// Makes a chain whose values are those of no other process.
#[must_use]
pub fn chain(payload_bytes: usize) -> Arc<Chain> {
    chain_of(STEPS, payload_bytes)
}

/// Makes a chain of so many steps.
#[must_use]
pub fn chain_of(steps: u32, payload_bytes: usize) -> Arc<Chain> {
    let seed = SystemClock.now().micros().unsigned_abs() << 20;
    Arc::new(Chain::new(steps, payload_bytes, seed ^ u64::from(std::process::id())))
}

/// Starts runs of the chain that this runtime knows.
///
/// # Errors
/// The store does not answer.
pub async fn start(runtime: &Runtime, runs: usize) -> Result<Vec<RunId>, Fault> {
    let start = |_| runtime.start(StartRun::new(Chain::NAME, json!({})));
    let started = stream::iter(0..runs).map(start).buffer_unordered(STARTS);
    Ok(started.map_ok(|started| started.run_id).try_collect().await?)
}
