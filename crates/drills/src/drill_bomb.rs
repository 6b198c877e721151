//! A run that kills every worker that drives it is set aside; the others are not kept from ending.

use std::{path::Path, time::Duration};

use mainstay::StartRun;
use mainstay_core::{run::RunStatus, wait::Wait};
use serde::Serialize;
use serde_json::json;

use crate::{
    Fault,
    checker::Checker,
    crew::Agency,
    ledger::Ledger,
    person::Person,
    place::{Kind, Place},
    verdict::Verdict,
};

/// How long anything may take before the drill gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// How it went.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The store.
    pub store: &'static str,
    /// Workers that died.
    pub deaths: u32,
    /// Why the run does not go on.
    pub waits: Vec<Wait>,
    /// What came of the errands beside it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Drills: whenever the worker dies, another is hired, until the run is parked.
///
/// # Errors
/// A database or a worker cannot be had, or the run is not set aside.
pub async fn drill(program: &Path, kind: Kind, errands: u32) -> Result<Report, Fault> {
    let ledger = Ledger::open(Duration::from_millis(10)).await?;
    let place = Place::make(kind).await?;
    let office = place.office().await?;
    let bomb = office.runtime.start(StartRun::new("bomb", json!({}))).await?.run_id;
    let runs = office.start(0..errands).await?;
    let agency = Agency::new(program, place.url(), ledger.line()).with_concurrency(64);
    let mut worker = agency.hire("worker 0")?;
    let (mut deaths, mut checker) = (0, Checker::default());
    let wait = async {
        loop {
            let row = office.runtime.row(bomb).await?;
            if row.status == RunStatus::Parked {
                return Ok::<_, Fault>(row.wait.map(|set| set.waits).unwrap_or_default());
            }
            if worker.is_gone()? {
                deaths += 1;
                checker.look(&office).await;
                worker = agency.hire(&format!("worker {deaths}"))?;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waits = tokio::time::timeout(PATIENCE, wait).await??;
    let attended = Person::new(&office, ledger.book(), checker).attend(&runs, PATIENCE).await?;
    let verdict = Verdict::of(&office, ledger.book(), &runs, attended).await?;
    Ok(Report { store: kind.name(), deaths, waits, verdict })
}
