//! I1, I2, I3, I7: the rows themselves.

use mainstay_core::{
    chain,
    journal::{Entry, Head},
    run::RunStatus,
};

use super::evidence::Evidence;

pub(super) fn broken(evidence: &Evidence) -> Vec<String> {
    let mut broken = Vec::new();
    let (mut head, mut epoch, mut status) = (Head::EMPTY, 0, None);
    for (row, entry) in &evidence.rows {
        let at = row.position;
        if let Err(unlinked) = chain::follows(evidence.run.run_id, row, head) {
            broken.push(format!("I1: {unlinked}"));
        }
        let after = row.head(evidence.run.run_id, head);
        let claimed = matches!(entry, Entry::Claimed { .. });
        // The journal of a run that moved goes on where another ended.
        let goes_on = matches!(entry, Entry::Rehomed(_));
        if !goes_on && row.epoch != epoch + u64::from(claimed) {
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
