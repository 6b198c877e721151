//! I9: one fold, wherever it starts.

use mainstay_core::{
    fold::{FoldError, Projection},
    journal::{Entry, JournalRow},
};

use super::evidence::Evidence;

pub(super) fn broken(evidence: &Evidence) -> Vec<String> {
    let whole = match from_start(evidence) {
        Ok(whole) => whole,
        Err(error) => return vec![format!("I9: the journal does not fold: {error}")],
    };
    let carried = |(row, entry): &(_, Entry)| {
        let row: &JournalRow = row;
        matches!(entry, Entry::Checkpoint { .. }).then_some(row.position)
    };
    let checkpoints: Vec<_> = evidence.rows.iter().filter_map(carried).collect();
    let starts = evidence.checkpoints.iter().filter(|(at, _)| checkpoints.contains(at));
    starts.filter_map(|(at, carried)| from_checkpoint(evidence, *at, carried, &whole)).collect()
}

/// Returns the fold after each row.
pub(super) fn from_start(evidence: &Evidence) -> Result<Vec<Projection>, FoldError> {
    let mut folds: Vec<Projection> = Vec::new();
    for (row, entry) in &evidence.rows {
        let next = match (folds.last(), entry) {
            (None, Entry::Created(created)) => {
                Projection::begin(evidence.run.run_id, created, row.at, &evidence.wiring)
            }
            (None, Entry::Rehomed(_)) => {
                let carried = evidence.checkpoints.get(&row.position);
                let carried = carried.cloned().ok_or(FoldError::Headless)?;
                carried.rehomed(evidence.run.run_id, row.at)
            }
            (None, _) => return Err(FoldError::Headless),
            (Some(before), _) => {
                let mut next = before.clone();
                next.apply(&evidence.wiring, row.position, row.at, entry)?;
                next
            }
        };
        folds.push(next);
    }
    Ok(folds)
}

/// Folds on from what a checkpoint carries, and compares with the fold from the start at each row.
fn from_checkpoint(
    evidence: &Evidence,
    at: u64,
    carried: &Projection,
    whole: &[Projection],
) -> Option<String> {
    let mut fold = carried.clone();
    let rest = evidence.rows.iter().zip(whole).filter(|((row, _), _)| row.position >= at);
    for ((row, entry), wanted) in rest {
        if let Err(error) = fold.apply(&evidence.wiring, row.position, row.at, entry) {
            return Some(format!("I9: from the checkpoint at {at}, row {}: {error}", row.position));
        }
        if fold != *wanted {
            return Some(format!("I9: from the checkpoint at {at}, row {} differs", row.position));
        }
    }
    None
}
