//! Reading a journal back: from rows to the fold.

use mainstay_core::{
    flow::schedule::Wiring,
    fold::{FoldError, Projection, steps::StepRun},
    id::RunId,
    journal::{Entry, Head, JournalRow},
    payload::{Payload, PayloadRef},
};

use crate::error::EngineError;

/// Folds a journal that begins with `created` or with a checkpoint.
///
/// # Errors
/// A row that does not read back, a gap, an entry that may not follow.
pub fn fold(
    run_id: RunId,
    rows: &[JournalRow],
    wiring: &Wiring,
) -> Result<Projection, EngineError> {
    fold_with_head(run_id, rows, wiring).map(|(projection, _)| projection)
}

/// Folds a journal and returns its end too.
///
/// # Errors
/// As [`fold`].
pub fn fold_with_head(
    run_id: RunId,
    rows: &[JournalRow],
    wiring: &Wiring,
) -> Result<(Projection, Head), EngineError> {
    fold_and_tell(run_id, rows, wiring, &mut drop)
}

/// Folds a journal, and hands over the StepRuns that the fold lets go of.
///
/// # Errors
/// As [`fold`].
pub fn fold_and_tell(
    run_id: RunId,
    rows: &[JournalRow],
    wiring: &Wiring,
    past: &mut dyn FnMut(StepRun),
) -> Result<(Projection, Head), EngineError> {
    let (first, rest) = rows.split_first().ok_or(FoldError::Headless)?;
    let carried = |fold: &PayloadRef, past: &mut dyn FnMut(StepRun)| {
        carried(first, fold).map(|fold| fold.brought_up(wiring, past))
    };
    let mut projection = match (first.origin()?, first.entry()?) {
        (Some(fold), Entry::Created(created)) => {
            carried(&fold, past)?.resumed(run_id, &created, first.at)
        }
        (Some(fold), Entry::Rehomed(_)) => carried(&fold, past)?.rehomed(run_id, first.at),
        (Some(fold), entry) => {
            let mut projection = carried(&fold, past)?;
            projection.apply(wiring, first.position, first.at, &entry)?;
            projection
        }
        (None, Entry::Created(created)) => Projection::begin(run_id, &created, first.at, wiring),
        (None, _) => return Err(FoldError::Headless.into()),
    };
    let before = Head { position: first.position - 1, hash: first.prev, link: first.prev };
    let mut head = first.head(run_id, before);
    for row in rest {
        projection.apply_and_tell(wiring, (row.position, row.at), &row.entry()?, past)?;
        head = row.head(run_id, head);
    }
    Ok((projection, head))
}

fn carried(row: &JournalRow, fold: &PayloadRef) -> Result<Projection, EngineError> {
    let payload = row.payloads.iter().find(|payload| payload.digest() == fold.digest);
    Ok(payload.map(Payload::read).ok_or(FoldError::Headless)??)
}
