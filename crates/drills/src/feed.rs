//! A steady supply of errands, so that every blow hits somebody.

use std::time::Duration;

use mainstay_core::id::RunId;

use crate::{Fault, errand::STEPS, ledger::Ledger, place::Office};

/// Starts errands as others get done. What the database did not answer is started again.
#[derive(Debug)]
pub struct Feed {
    under_way: usize,
    wanted: u32,
    runs: Vec<RunId>,
}

impl Feed {
    /// Keeps so many under way.
    #[must_use]
    pub const fn new(under_way: usize) -> Self {
        Self { under_way, wanted: 0, runs: Vec::new() }
    }

    /// Starts as many as have been done since.
    pub async fn top_up(&mut self, office: &Office, ledger: &Ledger) {
        let done = ledger.book().len() / STEPS as usize;
        let wanted = u32::try_from(done + self.under_way).unwrap_or(u32::MAX);
        self.wanted = self.wanted.max(wanted);
        // A start that is not answered is asked for again: its key makes that harmless.
        let _ = self.complete(office).await;
    }

    /// Starts what is still to be started, and returns every run.
    ///
    /// # Errors
    /// The store stays away for `patience`.
    pub async fn finish(
        mut self,
        office: &Office,
        patience: Duration,
    ) -> Result<Vec<RunId>, Fault> {
        let finish = async {
            while self.complete(office).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(patience, finish).await.map_err(|_| "the store stays away")?;
        Ok(self.runs)
    }

    async fn complete(&mut self, office: &Office) -> Result<(), Fault> {
        let begun = u32::try_from(self.runs.len())?;
        self.runs.extend(office.start(begun..self.wanted).await?);
        Ok(())
    }
}
