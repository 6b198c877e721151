//! The searchable list, and runs that nothing will ever move.

use mainstay_core::{
    id::RunId,
    run::RunStatus,
    store::row::{IndexFilter, IndexRow},
    wait::{Wait, WaitSet},
};

use super::{Model, Run};

fn index_row(run: &Run) -> IndexRow {
    IndexRow {
        run_id: run.row.run_id,
        tenant: run.row.tenant.clone(),
        flow: run.row.flow.clone(),
        status: run.row.status,
        wait: run.row.wait.clone(),
        parent: run.row.parent,
        tags: run.tags.clone(),
        created_at: run.created_at,
    }
}

impl Model {
    /// Brings up to `limit` rows of the list up to date.
    pub(super) fn refresh_index(&mut self, limit: u32) -> u64 {
        let due: Vec<_> = self.changed.iter().take(limit as usize).copied().collect();
        for run_id in &due {
            self.changed.remove(run_id);
            if let Some(run) = self.runs.get(run_id) {
                self.index.insert(*run_id, index_row(run));
            }
        }
        due.len() as u64
    }

    /// Empties the list and builds it anew.
    pub(super) fn rebuild_index(&mut self) -> u64 {
        self.changed.clear();
        self.index = self.runs.iter().map(|(run_id, run)| (*run_id, index_row(run))).collect();
        self.index.len() as u64
    }

    /// Returns runs from the list, newest first. Whoever looks brings it up to date.
    pub(super) fn list_runs(&mut self, filter: &IndexFilter) -> Vec<IndexRow> {
        self.refresh_index(u32::MAX);
        let fitting = self.index.values().rev().filter(|row| fits(filter, row));
        fitting.take(filter.most() as usize).cloned().collect()
    }

    /// Returns unfinished runs that nothing will ever move.
    pub(super) fn unexplained(&self) -> Vec<RunId> {
        let runs = self.runs.iter().filter(|(_, run)| !self.explained(run));
        runs.map(|(run_id, _)| *run_id).collect()
    }

    fn explained(&self, run: &Run) -> bool {
        let run_id = run.row.run_id;
        match run.row.status {
            RunStatus::Queued => self.ready.contains_key(&run_id),
            RunStatus::Running => self.claims.get(&run_id).is_some_and(|claim| {
                run.row.owner == Some(claim.owner) && self.sessions.contains_key(&claim.owner)
            }),
            RunStatus::Parked => {
                let sources =
                    |set: &WaitSet| set.waits.iter().filter(|w| self.has_source(run_id, w)).count();
                run.row.wait.as_ref().is_some_and(|set| set.is_explained_by(sources(set)))
            }
            RunStatus::Completed
            | RunStatus::Failed
            | RunStatus::Cancelled
            | RunStatus::Partial => true,
        }
    }

    /// Whether there is something that will end the wait: a row, a person, another program. A wait
    /// that ends at a time has a timer of that time.
    fn has_source(&self, run_id: RunId, wait: &Wait) -> bool {
        if let Some(at) = wait.ends_at() {
            return self.timers.iter().any(|((of, _), due)| *of == run_id && *due == at);
        }
        match wait {
            Wait::Review { review_id, .. } => self.reviews.get(review_id).is_some_and(|r| r.open),
            Wait::Child { run_id: child } => {
                let home = self.home(*child);
                let row = self.runs.get(&home);
                let runs = row.is_some_and(|run| !run.row.status.is_terminal());
                let senders = [run_id, *child, home];
                runs || self.outbox.iter().any(|row| senders.contains(&row.run_id))
            }
            Wait::Timer { .. }
            | Wait::Retry { .. }
            | Wait::Signal { .. }
            | Wait::Budget { .. }
            | Wait::WorkerVersion { .. }
            | Wait::Divergence(_)
            | Wait::Quarantine { .. } => true,
        }
    }
}

fn fits(filter: &IndexFilter, row: &IndexRow) -> bool {
    filter.tenant.as_ref().is_none_or(|tenant| *tenant == row.tenant)
        && filter.flow.as_ref().is_none_or(|flow| *flow == row.flow.name)
        && (filter.statuses.is_empty() || filter.statuses.contains(&row.status))
        && filter.ids.is_none_or(|(low, high)| (low..=high).contains(&row.run_id.uuid()))
        && filter.before.is_none_or(|before| row.run_id < before)
}
