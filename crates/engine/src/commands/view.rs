//! Reading a run: its row, its fold, its journal, and the StepRuns that are past.

use mainstay_core::{
    fold::{Projection, steps::StepRun},
    id::RunId,
    journal::{Entry, JournalRow},
    store::row::RunRow,
};

use crate::{error::EngineError, journal, runtime::Runtime};

/// Everything there is to read of a run.
#[derive(Debug, Clone)]
pub struct RunView {
    /// Its row.
    pub row: RunRow,
    /// Its fold.
    pub projection: Projection,
    /// StepRuns that ended and that the fold has let go of since this journal began.
    pub past: Vec<StepRun>,
    /// Its whole journal.
    pub rows: Vec<(JournalRow, Entry)>,
}

impl RunView {
    /// Returns every StepRun of this journal, in the order in which they began; those that have not
    /// begun come last.
    #[must_use]
    pub fn steps(&self) -> Vec<&StepRun> {
        let mut steps: Vec<_> = self.past.iter().chain(&self.projection.steps).collect();
        steps.sort_by_key(|step| (step.started_at.is_none(), step.started_at));
        steps
    }
}

impl Runtime {
    /// Returns everything there is to read of a run, folded with the definition it is pinned to,
    /// whether or not this process can drive it.
    ///
    /// # Errors
    /// There is none, its definition is not known, or the journal does not read back.
    pub async fn view(&self, run_id: RunId) -> Result<RunView, EngineError> {
        let row = self.row(run_id).await?;
        let run_id = row.run_id;
        let mut rows = self.journal_from(run_id, 1).await?;
        self.fetch_fold(run_id, &mut rows).await?;
        let (projection, past) = self.fold_whole(&row, &mut rows).await?;
        let rows = rows
            .into_iter()
            .map(|row| Ok((row.entry()?, row)))
            .collect::<Result<Vec<_>, EngineError>>()?;
        let rows = rows.into_iter().map(|(entry, row)| (row, entry)).collect();
        Ok(RunView { row, projection, past, rows })
    }

    /// Folds a whole journal, and returns the StepRuns that the fold has let go of too. Rows of an
    /// older version of the flow are folded with its graph, and the next one begins at the
    /// checkpoint of the move.
    async fn fold_whole(
        &self,
        row: &RunRow,
        rows: &mut [JournalRow],
    ) -> Result<(Projection, Vec<StepRun>), EngineError> {
        let mut past = Vec::new();
        let mut rest = rows;
        while let Some(at) = rest.iter().position(|row| row.kind == "migrated") {
            let (older, newer) = rest.split_at_mut(at + 1);
            self.fold_older(row.run_id, older, &mut past).await?;
            rest = newer;
            self.fetch_fold(row.run_id, rest).await?;
        }
        let wiring = self.wiring(&row.flow).await?;
        let keep = &mut |step| past.push(step);
        let (projection, _) = journal::fold_and_tell(row.run_id, rest, &wiring, keep)?;
        Ok((projection, past))
    }

    /// Only what is past is wanted of an older version: where its definition is not known any more,
    /// the rest is there all the same.
    async fn fold_older(
        &self,
        run_id: RunId,
        rows: &[JournalRow],
        past: &mut Vec<StepRun>,
    ) -> Result<(), EngineError> {
        let Some(Entry::Migrated { from, .. }) = rows.last().map(JournalRow::entry).transpose()?
        else {
            return Ok(());
        };
        if let Ok(wiring) = self.wiring(&from).await {
            journal::fold_and_tell(run_id, rows, &wiring, &mut |step| past.push(step))?;
        }
        Ok(())
    }
}
