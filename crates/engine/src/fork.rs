//! Forking a run: a new run that begins with what another one had done.
//!
//! A fork has a new id and a new key root, an explicit budget, and no reservations. Its first row
//! carries the projection it begins from and every payload that refers to, so it stands on its own
//! whatever becomes of the original.

use mainstay_core::{
    budget::Limits,
    code::Code,
    digest::Digest,
    fold::Projection,
    id::RunId,
    journal::{Created, Entry, Forked, JournalRow, Leave, Position},
    label::Label,
    payload::Payload,
    store::operation::PayloadRequest,
};

use crate::{commands::Started, error::EngineError, journal, runtime::Runtime};

/// A wish to fork a run.
#[derive(Debug, Clone)]
pub struct ForkRun {
    /// The original.
    pub run_id: RunId,
    /// The last entry that is taken over; without it, the last before the run began to fail, or the
    /// last of all.
    pub at: Option<Position>,
    /// What the fork may use.
    pub limits: Limits,
    /// Whether actions that must not happen twice may be sent again.
    pub leave: Leave,
}

impl Runtime {
    /// Forks a run. The fork is driven by whichever worker claims it.
    ///
    /// # Errors
    /// There is no such run or entry, an action is under way at that place, a payload it needs was
    /// erased, or the store does not answer.
    pub async fn fork(&self, wish: ForkRun) -> Result<Started, EngineError> {
        let row = self.row(wish.run_id).await?;
        let wish = ForkRun { run_id: row.run_id, ..wish };
        let wiring = self.wiring(&row.flow).await?;
        let mut rows = self.journal_from(wish.run_id, 1).await?;
        self.fetch_fold(wish.run_id, &mut rows).await?;
        let at = wish.at.unwrap_or_else(|| before_failure(&rows));
        rows.retain(|row| row.position <= at);
        let mut fold = journal::fold(wish.run_id, &rows, &wiring)?;
        if let Some(open) = fold.open_actions().first() {
            let why = format!("the action at {open} may be under way at entry {at}");
            return Err(EngineError::new(Code::WrongStatus, why)
                .with_hint("fork at an earlier entry with --at, or decide its review first"));
        }
        fold.detach();
        let carried = self.carry(wish.run_id, &mut fold).await?;
        self.begin_fork(&wish, at, &fold, carried).await
    }

    /// Fetches every payload the fold refers to, and lets it refer to the fork's first row.
    async fn carry(
        &self,
        run_id: RunId,
        fold: &mut Projection,
    ) -> Result<Vec<Payload>, EngineError> {
        let held = fold.held_mut();
        let wanted: Vec<_> = held.iter().map(|held| (held.payload.digest, held.at)).collect();
        let found = self.store.payloads(PayloadRequest { run_id, wanted }).await?;
        for held in held {
            if found.iter().all(|payload| payload.digest() != held.payload.digest) {
                let why = format!("a payload the fork needs is gone: {}", held.payload.digest);
                return Err(EngineError::new(Code::StoreCorrupt, why));
            }
            held.at = 1;
        }
        Ok(found)
    }

    async fn begin_fork(
        &self,
        wish: &ForkRun,
        at: Position,
        fold: &Projection,
        mut payloads: Vec<Payload>,
    ) -> Result<Started, EngineError> {
        let carried = Payload::of(fold)?;
        let mut limits = wish.limits;
        limits.depth.get_or_insert(self.options.depth);
        let created = Created {
            flow: fold.flow.clone(),
            tenant: fold.tenant.clone(),
            input: fold.input.payload.clone(),
            state: fold.state.payload.clone(),
            key_root: Digest::from_bytes(self.entropy.draw()),
            limits,
            requested_by: fold.requested_by.clone(),
            tags: fold.tags.clone(),
            parent: None,
            forked: Some(Forked {
                run_id: wish.run_id,
                position: at,
                fold: carried.reference(Label::TRUSTED),
                leave: wish.leave,
            }),
        };
        payloads.push(carried);
        let run = self.first_row(self.new_id(), created, payloads, None)?;
        let run_id = run.run_id;
        self.store.create_run(Box::new(run)).await?;
        Ok(Started { run_id, existed: false })
    }
}

/// The last entry before a step failed for good or the run was told to end.
fn before_failure(rows: &[JournalRow]) -> Position {
    let ends = |row: &&JournalRow| match row.entry() {
        Ok(Entry::StepFailed { retry_at, .. }) => retry_at.is_none(),
        Ok(Entry::Unwinding { .. } | Entry::Finished(_)) => true,
        _ => false,
    };
    let end = rows.iter().find(ends).map(|row| row.position - 1);
    end.or_else(|| rows.last().map(|row| row.position)).unwrap_or(1)
}
