//! Starting runs, the queue, and reading what a run has written.

use mainstay_core::{
    id::RunId,
    journal::JournalRow,
    payload::Payload,
    run::RunStatus,
    store::{
        StoreError,
        operation::{CreatedRun, JournalRequest, NewRun, PayloadRequest},
        row::RunRow,
    },
};

use super::{Model, Ready, Run};
use crate::{payload, sound, wire};

impl Run {
    fn new(new: &NewRun) -> Self {
        let row = RunRow {
            run_id: new.run_id,
            tenant: new.tenant.clone(),
            flow: new.flow.clone(),
            status: RunStatus::Queued,
            wait: None,
            epoch: 0,
            owner: None,
            inbox_head: 0,
            checkpoint: 0,
            crashes: 0,
            parent: new.parent,
            priority: new.priority,
            reads_only_until: None,
        };
        Self {
            row,
            wake_after: 0,
            inbox_read: 0,
            tags: new.tags.clone(),
            created_at: new.first.at,
            journal: Vec::new(),
            inbox: Vec::new(),
        }
    }
}

impl Model {
    /// Starts a run, once per key and once per id.
    pub(super) fn create_run(&mut self, new: &NewRun) -> Result<CreatedRun, StoreError> {
        sound::new_run(new)?;
        let key = new.key.as_ref().map(|(key, input)| ((new.tenant.clone(), key.clone()), input));
        if let Some((place, input)) = &key
            && let Some((first, used_with)) = self.keys.get(place)
        {
            let same = used_with == *input;
            return Ok(if same {
                CreatedRun::Exists(*first)
            } else {
                CreatedRun::Conflict(*first)
            });
        }
        if self.runs.contains_key(&new.run_id) || self.aliases.contains_key(&new.run_id) {
            return Ok(CreatedRun::Exists(new.run_id));
        }
        if let Some((place, input)) = key {
            self.keys.insert(place, (new.run_id, *input));
        }
        self.runs.insert(new.run_id, Run::new(new));
        self.insert_row(new.run_id, &new.first);
        self.enqueue(new.run_id);
        Ok(CreatedRun::Created)
    }

    /// Adds a journal row; its large payloads are stored apart.
    pub(super) fn insert_row(&mut self, run_id: RunId, row: &JournalRow) {
        let Some(run) = self.runs.get_mut(&run_id) else { return };
        let (small, large) = payload::split(&row.payloads);
        for payload in large {
            let place = (wire::week(run_id), run.row.tenant.clone(), payload.digest());
            self.payloads.insert(place, payload.clone());
        }
        let payloads = small.into_iter().cloned().collect();
        run.journal.push(JournalRow { payloads, ..row.clone() });
    }

    /// Puts a run at the end of its lane's queue.
    pub(super) fn enqueue(&mut self, run_id: RunId) {
        let Some(run) = self.runs.get(&run_id) else { return };
        let pass = self.next_pass;
        self.next_pass += 1;
        let ready = Ready { lane: run.row.flow.clone(), priority: run.row.priority, pass };
        self.ready.insert(run_id, ready);
        self.changed.insert(run_id);
    }

    /// Returns a part of a journal.
    pub(super) fn journal(&self, request: &JournalRequest) -> Vec<JournalRow> {
        self.rows_of(request.run_id)
            .iter()
            .filter(|row| row.position >= request.from)
            .take(request.limit as usize)
            .cloned()
            .collect()
    }

    /// Returns payloads in the order they are wanted.
    pub(super) fn payloads(&self, request: &PayloadRequest) -> Vec<Payload> {
        let rows = self.rows_of(request.run_id);
        let inline = |digest, position| {
            let row = rows.iter().find(|row| row.position == position)?;
            row.payloads.iter().find(|payload| payload.digest() == digest)
        };
        let week = wire::week(request.run_id);
        let Some(tenant) = self.tenant_of(request.run_id) else { return Vec::new() };
        let large = |digest| self.payloads.get(&(week, tenant.to_owned(), digest));
        let wanted = request.wanted.iter();
        wanted.filter_map(|&(d, at)| inline(d, at).or_else(|| large(d)).cloned()).collect()
    }
}
