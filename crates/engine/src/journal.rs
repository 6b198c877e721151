//! Reading a journal back: from rows to the fold.

use mainstay_core::{
    fold::{FoldError, Projection},
    flow::schedule::Wiring,
    id::RunId,
    journal::{Entry, Head, JournalRow},
    payload::{Payload, PayloadRef},
};

use crate::error::EngineError;

/// Folds a journal that begins with `created` or with a checkpoint.
///
/// # Errors
/// A row that does not read back, a gap, an entry that may not follow.
pub fn fold(run_id: RunId, rows: &[JournalRow], wiring: &Wiring) -> Result<Projection, EngineError> {
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
    let (first, rest) = rows.split_first().ok_or(FoldError::Headless)?;
    let mut projection = match first.entry()? {
        Entry::Created(created) => match &created.forked {
            Some(fork) => carried(first, &fork.fold)?.resumed(run_id, &created, first.at),
            None => Projection::begin(run_id, &created, first.at, wiring),
        },
        Entry::Checkpoint { fold } => {
            let mut projection = carried(first, &fold)?;
            projection.apply(wiring, first.position, first.at, &first.entry()?)?;
            projection
        }
        _ => return Err(FoldError::Headless.into()),
    };
    let before = Head { position: first.position - 1, hash: first.prev, link: first.prev };
    let mut head = first.head(run_id, before);
    for row in rest {
        projection.apply(wiring, row.position, row.at, &row.entry()?)?;
        head = row.head(run_id, head);
    }
    Ok((projection, head))
}

/// Returns the digest of the fold that a journal's first row begins from, if it begins from one.
///
/// # Errors
/// The row does not read back.
pub fn begins_from(first: &JournalRow) -> Result<Option<PayloadRef>, EngineError> {
    Ok(match first.entry()? {
        Entry::Checkpoint { fold } => Some(fold),
        Entry::Created(created) => created.forked.map(|fork| fork.fold),
        _ => None,
    })
}

fn carried(row: &JournalRow, fold: &PayloadRef) -> Result<Projection, EngineError> {
    let payload = row.payloads.iter().find(|payload| payload.digest() == fold.digest);
    Ok(payload.map(Payload::read).ok_or(FoldError::Headless)??)
}
