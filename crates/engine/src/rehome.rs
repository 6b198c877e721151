//! Moving a run that waits for long to a week that will be kept.
//!
//! What its fold reaches is copied first, which may be done twice; then one commit ends the old
//! journal and begins the new one. A process that dies in between has moved nothing.

use mainstay_core::{
    fold::Projection,
    id::{RunId, SessionId},
    journal::{Entry, Head, JournalRow, Rehomed},
    label::Label,
    payload::Payload,
    rehome::{Reached, last_rows},
    run::RunStatus,
    store::{
        operation::{LendPayloads, PayloadRequest, Rehome, Rehoming},
        row::RunRow,
    },
};

use crate::{error::EngineError, journal, runtime::Runtime};

impl Runtime {
    /// Moves a parked run to an id of now. `None` where it does not rest any more, or is being
    /// moved by another.
    ///
    /// # Errors
    /// There is no such run, its definition is not known, its journal does not read back, or the
    /// store does not answer.
    pub async fn rehome(&self, run_id: RunId, by: SessionId) -> Result<Option<RunId>, EngineError> {
        let row = self.row(run_id).await?;
        if row.status != RunStatus::Parked {
            return Ok(None);
        }
        let wiring = self.wiring(&row.flow).await?;
        let mut rows = self.journal_from(row.run_id, row.checkpoint.max(1)).await?;
        self.fetch_fold(row.run_id, &mut rows).await?;
        let (fold, head) = journal::fold_with_head(row.run_id, &rows, &wiring)?;
        if fold.status != RunStatus::Parked {
            return Ok(None);
        }
        let wish = self.a_move(&row, fold, head, by).await?;
        let to = wish.to;
        let moved = self.store.rehome(Box::new(wish)).await?;
        Ok((moved == Rehoming::Done).then_some(to))
    }

    async fn a_move(
        &self,
        row: &RunRow,
        mut fold: Projection,
        head: Head,
        by: SessionId,
    ) -> Result<Rehome, EngineError> {
        let (run_id, epoch, to, at) = (row.run_id, row.epoch, self.new_id(), self.clock.now());
        let mut payloads = self.follow(run_id, to, &fold.reached()).await?;
        fold.stand_alone();
        let carried = Payload::of(&fold)?;
        let fold = carried.reference(Label::TRUSTED);
        let entry = Entry::Rehomed(Box::new(Rehomed { from: run_id, head: head.hash, fold }));
        payloads.push(carried);
        let first = JournalRow::after(Head::EMPTY, to, epoch + 1, at, &entry, payloads)?;
        let mut nonce = [0; 16];
        nonce.iter_mut().zip(self.entropy.draw()).for_each(|(to, from)| *to = from);
        let rows = last_rows((run_id, head, epoch), (by, nonce), at, (to, &first))?;
        Ok(Rehome { run_id, epoch, head, inbox_seen: row.inbox_head, rows, to, first })
    }

    /// Copies large payloads to the new id, and returns the small ones, which stand in its first
    /// row. Those that were erased stay erased.
    async fn follow(
        &self,
        from: RunId,
        to: RunId,
        reached: &[Reached],
    ) -> Result<Vec<Payload>, EngineError> {
        let (large, small): (Vec<_>, Vec<_>) = reached.iter().partition(|it| it.is_apart());
        let digests: Vec<_> = large.iter().map(|it| it.payload.digest).collect();
        if !digests.is_empty() {
            self.store.lend_payloads(LendPayloads { from, to, digests }).await?;
        }
        let wanted: Vec<_> = small.iter().map(|it| (it.payload.digest, it.at)).collect();
        let mut found = self.store.payloads(PayloadRequest { run_id: from, wanted }).await?;
        found.sort_by_key(Payload::digest);
        found.dedup();
        Ok(found)
    }
}
