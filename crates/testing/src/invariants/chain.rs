//! I1, I2, I3, I7: the rows themselves.

use mainstay_core::{
    digest::Digest,
    journal::{Entry, Head, JournalRow, claim_link},
    run::RunStatus,
};

use super::evidence::Evidence;

pub(super) fn broken(evidence: &Evidence) -> Vec<String> {
    let mut broken = Vec::new();
    let (mut head, mut epoch, mut status) = (Head::EMPTY, 0, None);
    for (row, entry) in &evidence.rows {
        let at = row.position;
        if at != head.position + 1 {
            broken.push(format!("I1: row {at} follows row {}", head.position));
        }
        let after = row.head(evidence.run.run_id, head);
        broken.extend(unlinked(row, entry, head, after));
        let claimed = matches!(entry, Entry::Claimed { .. });
        if row.epoch != epoch + u64::from(claimed) {
            broken.push(format!("I2: row {at} has epoch {} after epoch {epoch}", row.epoch));
        }
        match RunStatus::after(status, entry) {
            Ok(next) => status = Some(next),
            Err(illegal) => broken.push(format!("I3: row {at}: {illegal}")),
        }
        (head, epoch) = (after, row.epoch);
    }
    broken.extend(unlike_row(evidence, status, epoch));
    broken
}

/// A row covers the one before it and is covered by its link. The rows of claims are written by
/// SQL, which knows no hash: their link is the claimer's nonce.
fn unlinked(row: &JournalRow, entry: &Entry, before: Head, after: Head) -> Option<String> {
    let at = row.position;
    let (prev, link) = match entry {
        Entry::Claimed { nonce, .. } => (Digest::ZERO, nonce_link(nonce)?),
        _ => (before.hash, after.hash),
    };
    if row.prev != prev {
        return Some(format!("I1: row {at} does not cover the row before it"));
    }
    (row.link != link).then(|| format!("I1: the link of row {at} is not its own"))
}

fn nonce_link(hex: &str) -> Option<Digest> {
    let number = u128::from_str_radix(hex, 16).ok()?;
    Some(claim_link(number.to_be_bytes()))
}

/// The run's own row says what the journal says, and holds nothing it does not need.
fn unlike_row(evidence: &Evidence, status: Option<RunStatus>, epoch: u64) -> Vec<String> {
    let run = &evidence.run;
    let mut broken = Vec::new();
    // A wake-up and a takeover queue a run in its row alone.
    let queued = run.status == RunStatus::Queued;
    if status != Some(run.status) && !queued {
        broken.push(format!("I9: the row says {}, the journal {status:?}", run.status));
    }
    if run.epoch != epoch {
        broken.push(format!("I2: the row has epoch {}, the journal {epoch}", run.epoch));
    }
    if run.status != RunStatus::Running && run.owner.is_some() {
        broken.push(format!("I7: the run is {} and has an owner", run.status));
    }
    broken
}
