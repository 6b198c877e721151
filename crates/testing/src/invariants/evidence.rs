//! Everything the checks look at, gathered once.

use std::{collections::BTreeMap, sync::Arc};

use mainstay_core::{
    flow::schedule::Wiring,
    fold::Projection,
    id::RunId,
    journal::{Entry, JournalRow, Position},
    payload::{Payload, PayloadRef},
    store::{
        operation::{JournalRequest, PayloadRequest},
        row::RunRow,
    },
    tool::ToolSpec,
};
use mainstay_engine::{error::EngineError, runtime::Runtime};

use crate::crash::Arrival;

/// Rows read in one go.
const PAGE: u32 = 2_000;

pub(super) struct Evidence {
    pub(super) run: RunRow,
    pub(super) wiring: Arc<Wiring>,
    pub(super) rows: Vec<(JournalRow, Entry)>,
    /// The folds that checkpoints carry, by the checkpoint's position.
    pub(super) checkpoints: BTreeMap<Position, Projection>,
    pub(super) specs: BTreeMap<String, ToolSpec>,
    pub(super) arrivals: Vec<Arrival>,
}

impl Evidence {
    pub(super) async fn gather(
        eyes: &Runtime,
        run_id: RunId,
        arrivals: &[Arrival],
    ) -> Result<Self, EngineError> {
        let run = eyes.row(run_id).await?;
        let (known_as, run_id) = (run_id, run.run_id);
        let flow = eyes.flow(&run.flow.name)?;
        let rows = read(eyes, run_id).await?;
        let checkpoints = checkpoints(eyes, run_id, &rows).await?;
        let specs = eyes.tools.specs().into_iter().map(|spec| (spec.name.clone(), spec)).collect();
        let arrivals =
            arrivals.iter().filter(|a| [run_id, known_as].contains(&a.run_id)).cloned().collect();
        Ok(Self { run, wiring: flow.wiring.clone(), rows, checkpoints, specs, arrivals })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.rows.iter().map(|(_, entry)| entry)
    }
}

async fn read(eyes: &Runtime, run_id: RunId) -> Result<Vec<(JournalRow, Entry)>, EngineError> {
    let mut rows: Vec<(JournalRow, Entry)> = Vec::new();
    loop {
        let from = rows.last().map_or(1, |(row, _)| row.position + 1);
        let page = eyes.store.journal(JournalRequest { run_id, from, limit: PAGE }).await?;
        let full = page.len() == PAGE as usize;
        for row in page {
            let entry = row.entry()?;
            rows.push((row, entry));
        }
        if !full {
            return Ok(rows);
        }
    }
}

async fn checkpoints(
    eyes: &Runtime,
    run_id: RunId,
    rows: &[(JournalRow, Entry)],
) -> Result<BTreeMap<Position, Projection>, EngineError> {
    let mut folds = BTreeMap::new();
    for (row, entry) in rows {
        let Some(fold) = carried(entry) else { continue };
        let wanted = vec![(fold.digest, row.position)];
        let found = eyes.store.payloads(PayloadRequest { run_id, wanted }).await?;
        if let Some(carried) = found.first().map(Payload::read).transpose()? {
            folds.insert(row.position, carried);
        }
    }
    Ok(folds)
}

fn carried(entry: &Entry) -> Option<&PayloadRef> {
    if let Entry::Rehomed(rehomed) = entry {
        return Some(&rehomed.fold);
    }
    let Entry::Checkpoint { fold } = entry else { return None };
    Some(fold)
}
