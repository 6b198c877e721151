//! What an owner of a run knows, and the parts of a commit it can write.

use mainstay_core::{
    digest::Digest,
    effect::StepKey,
    failure::Failure as StepFailure,
    id::{RunId, SessionId},
    journal::{Ending, Entry, Epoch, Finished, Head, JournalRow},
    label::Label,
    payload::Payload,
    run::RunStatus,
    store::{
        Store,
        operation::{Append, Appended, ClaimedRun, RowChange},
    },
    time::Timestamp,
    wait::{Wait, WaitMode, WaitSet},
};

use super::{Failure, Verdict, equal};

/// A run as its owner sees it.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The run.
    pub run_id: RunId,
    /// The session that drives it.
    pub session: Option<SessionId>,
    /// The claim's epoch.
    pub epoch: Epoch,
    /// The journal's end as the owner saw it.
    pub head: Head,
}

impl Owner {
    /// Takes over what a claim returned.
    #[must_use]
    pub fn of(claimed: &ClaimedRun) -> Self {
        let run_id = claimed.run.run_id;
        let head = claimed.journal.iter().fold(Head::EMPTY, |head, row| row.head(run_id, head));
        Self { run_id, session: claimed.run.owner, epoch: claimed.run.epoch, head }
    }

    /// Writes entries as the next part of a commit.
    ///
    /// # Errors
    /// An entry cannot be written.
    pub fn part(&self, entries: &[Entry], change: RowChange) -> Result<Append, Failure> {
        let mut head = self.head;
        let mut rows = Vec::new();
        for entry in entries {
            let at = Timestamp::from_micros(1);
            let row = JournalRow::after(head, self.run_id, self.epoch, at, entry, Vec::new());
            let row = row.map_err(|e| Failure(e.to_string()))?;
            head = row.head(self.run_id, head);
            rows.push(row);
        }
        Ok(Append {
            run_id: self.run_id,
            epoch: self.epoch,
            head: self.head,
            rows: rows.into(),
            outbox: Vec::new(),
            timers: Vec::new(),
            timers_off: Vec::new(),
            reviews: Vec::new(),
            reviews_off: Vec::new(),
            local: Vec::new(),
            change,
        })
    }

    /// Writes one finished step.
    ///
    /// # Errors
    /// The entry cannot be written.
    pub fn step(&self) -> Result<Append, Failure> {
        self.part(&[finished_step()], RowChange::Keep)
    }

    /// Writes one finished step that carries a payload.
    ///
    /// # Errors
    /// The entry cannot be written.
    pub fn step_with(&self, payload: &Payload) -> Result<Append, Failure> {
        let mut part = self.part(&[step_with_output(payload)], RowChange::Keep)?;
        for row in part.rows_mut() {
            row.payloads = vec![payload.clone()];
        }
        Ok(part)
    }

    /// Writes a park for these waits, by an owner that has read `inbox_seen` messages.
    ///
    /// # Errors
    /// The entry cannot be written.
    pub fn park(
        &self,
        inbox_seen: u64,
        mode: WaitMode,
        waits: Vec<Wait>,
    ) -> Result<Append, Failure> {
        let wait = WaitSet { mode, waits };
        let entry = Entry::Parked { wait: wait.clone() };
        self.part(&[entry], RowChange::Park { inbox_seen, wait, checkpoint: None })
    }

    /// Writes a park for one signal.
    ///
    /// # Errors
    /// The entry cannot be written.
    pub fn park_for_signal(&self, inbox_seen: u64) -> Result<Append, Failure> {
        self.park(inbox_seen, WaitMode::Any, vec![for_signal()])
    }

    /// Writes the run's end.
    ///
    /// # Errors
    /// The entry cannot be written.
    pub fn finish(&self, inbox_seen: u64) -> Result<Append, Failure> {
        let change = RowChange::Finish { inbox_seen, status: RunStatus::Completed };
        self.part(&[finished()], change)
    }

    /// Writes a release.
    ///
    /// # Errors
    /// The entry cannot be written.
    pub fn release(&self) -> Result<Append, Failure> {
        self.part(&[Entry::Released], RowChange::Release { checkpoint: None })
    }

    /// Appends one part; returns what became of it. An accepted part moves the owner's head.
    ///
    /// # Errors
    /// The store fails or answers for another number of parts.
    pub async fn append(
        &mut self,
        store: &(dyn Store + 'static),
        part: Append,
    ) -> Result<Appended, Failure> {
        let run_id = self.run_id;
        let after = part.rows.iter().fold(self.head, |head, row| row.head(run_id, head));
        let answers = store.append(vec![part]).await?;
        equal("one answer for one part", answers.len(), 1)?;
        let answer = answers.into_iter().next().unwrap_or(Appended::Fenced { found: None });
        if answer == Appended::Accepted {
            self.head = after;
        }
        Ok(answer)
    }

    /// Appends one part that must be accepted.
    ///
    /// # Errors
    /// It is not.
    pub async fn accept(&mut self, store: &(dyn Store + 'static), part: Append) -> Verdict {
        equal("a part in order", self.append(store, part).await?, Appended::Accepted)
    }
}

/// A step that left a small output: progress.
pub(super) fn finished_step() -> Entry {
    step_with_output(&Payload::from_bytes(*b"1"))
}

fn step_with_output(output: &Payload) -> Entry {
    Entry::StepFinished {
        step: StepKey::new("look_up", 1),
        began: None,
        output: output.reference(Label::default()),
        state: None,
        absorbed: Vec::new(),
    }
}

/// A step that began: no progress yet.
pub(super) fn started_step() -> Entry {
    let step = StepKey::new("look_up", 1);
    Entry::StepStarted { step, attempt: 1, body: Digest::ZERO }
}

/// The last entry of a run.
pub(super) fn finished() -> Entry {
    let failure: Option<StepFailure> = None;
    Entry::Finished(Box::new(Finished {
        ending: Ending::Completed,
        output: None,
        failure,
        half_filled: Vec::new(),
    }))
}

/// A wait that only a message ends.
pub(super) fn for_signal() -> Wait {
    Wait::Signal { name: "ping".to_owned(), until: None }
}
