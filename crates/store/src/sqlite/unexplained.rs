//! The doctor's check: does every unfinished run that is not running have a row that says why?

use mainstay_core::{
    id::RunId,
    store::StoreError,
    wait::{Wait, WaitSet},
};

use super::{
    runs::run_id,
    scope::{Blob, Scope, Statement, column},
};
use crate::wire;

impl Scope<'_> {
    /// Returns unfinished runs that nothing will ever move. All of it is read of one moment: what a
    /// run waited for may happen while one looks.
    pub(super) async fn unexplained(&mut self) -> Result<Vec<RunId>, StoreError> {
        self.savepoint("SAVEPOINT moment").await?;
        let found = self.unexplained_now().await;
        self.savepoint("RELEASE moment").await?;
        found
    }

    async fn unexplained_now(&mut self) -> Result<Vec<RunId>, StoreError> {
        let suspects = "SELECT run_id, CASE status WHEN 'parked' THEN wait END AS wait
            FROM mainstay_runs r
            WHERE status = 'parked'
               OR (status = 'queued' AND run_id NOT IN (SELECT run_id FROM mainstay_ready))
               OR (status = 'running' AND NOT EXISTS (
                      SELECT 1 FROM mainstay_claims c JOIN mainstay_sessions s
                          ON s.session_id = c.owner
                      WHERE c.run_id = r.run_id AND c.owner = r.owner))
            ORDER BY run_id";
        let mut unexplained = Vec::new();
        for row in self.rows(sqlx::query(suspects)).await? {
            let run_id = run_id(&row)?;
            let wait: Option<&str> = column(&row, "wait")?;
            let wait: Option<WaitSet> = wait.map(wire::read_json).transpose()?;
            let explained = match wait {
                Some(set) => set.is_explained_by(self.sources(run_id, &set.waits).await?),
                None => false,
            };
            if !explained {
                unexplained.push(run_id);
            }
        }
        Ok(unexplained)
    }

    /// Returns how many of the waits have something that will end them.
    async fn sources(&mut self, run_id: RunId, waits: &[Wait]) -> Result<usize, StoreError> {
        let mut found = 0;
        for wait in waits {
            found += usize::from(match source(run_id, wait) {
                Some(source) => self.row(source).await?.is_some(),
                None => true,
            });
        }
        Ok(found)
    }
}

/// Returns the statement that finds what will end the wait; `None` if that is a person, a signal
/// or another program. A wait that ends at a time has a timer of that time.
fn source(run_id: RunId, wait: &Wait) -> Option<Statement<'static>> {
    if let Some(at) = wait.ends_at() {
        let timer = "SELECT 1 FROM mainstay_timers WHERE run_id = ? AND due_at = ?";
        return Some(sqlx::query(timer).bind(run_id.blob()).bind(at.micros()));
    }
    match wait {
        Wait::Review { review_id, .. } => Some(
            sqlx::query("SELECT 1 FROM mainstay_reviews WHERE review_id = ? AND open")
                .bind(review_id.blob()),
        ),
        Wait::Child { run_id: child } => Some(
            sqlx::query(
                "WITH child AS (SELECT coalesce(
                     (SELECT home FROM mainstay_run_alias WHERE run_id = ?1), ?1) AS home)
                 SELECT 1 FROM mainstay_runs JOIN child ON run_id = home
                 WHERE status IN ('queued', 'running', 'parked')
                 UNION ALL SELECT 1 FROM mainstay_outbox, child WHERE run_id IN (?1, ?2, home)",
            )
            .bind(child.blob())
            .bind(run_id.blob()),
        ),
        Wait::Timer { .. }
        | Wait::Retry { .. }
        | Wait::Signal { .. }
        | Wait::Budget { .. }
        | Wait::WorkerVersion { .. }
        | Wait::Divergence(_)
        | Wait::Quarantine { .. } => None,
    }
}
