//! What a commit does to its run's row.

use mainstay_core::{
    id::RunId,
    journal::Position,
    run::RunStatus,
    store::{
        StoreError,
        operation::{Append, RowChange},
    },
    wait::WaitSet,
};

use crate::{
    sqlite::scope::{Blob, Scope},
    wire,
};

/// Every statement of an end, so that they cross to SQLite's thread together.
const FINISH: &str = "
    UPDATE mainstay_runs SET status = ?2, owner = NULL WHERE run_id = ?1;
    DELETE FROM mainstay_claims WHERE run_id = ?1;
    DELETE FROM mainstay_timers WHERE run_id = ?1;
    UPDATE mainstay_reviews SET open = 0 WHERE run_id = ?1 AND open;
    INSERT OR IGNORE INTO mainstay_run_changes (run_id) VALUES (?1)";

impl Scope<'_> {
    pub(super) async fn change_row(&mut self, part: &Append) -> Result<(), StoreError> {
        let run_id = part.run_id;
        match &part.change {
            RowChange::Keep => Ok(()),
            RowChange::Checkpoint(at) => self.set_checkpoint(run_id, *at).await,
            RowChange::Park { inbox_seen, wait, checkpoint } => {
                self.set_optional_checkpoint(run_id, *checkpoint).await?;
                self.park(run_id, *inbox_seen, wait).await
            }
            RowChange::Release { checkpoint } => {
                self.set_optional_checkpoint(run_id, *checkpoint).await?;
                self.disown(run_id, RunStatus::Queued).await?;
                self.enqueue(run_id).await
            }
            RowChange::Finish { status, .. } => {
                let end = sqlx::query(FINISH).bind(run_id.blob()).bind(status.as_str());
                self.change(end).await.map(drop)
            }
            RowChange::Move { to } => {
                let lane = self.make_lane(to).await?;
                let set = sqlx::query("UPDATE mainstay_runs SET lane = ? WHERE run_id = ?");
                self.change(set.bind(lane).bind(run_id.blob())).await?;
                self.disown(run_id, RunStatus::Queued).await?;
                self.enqueue(run_id).await
            }
        }
    }

    async fn set_optional_checkpoint(
        &mut self,
        run_id: RunId,
        at: Option<Position>,
    ) -> Result<(), StoreError> {
        match at {
            Some(at) => self.set_checkpoint(run_id, at).await,
            None => Ok(()),
        }
    }

    async fn set_checkpoint(&mut self, run_id: RunId, at: Position) -> Result<(), StoreError> {
        let set = sqlx::query("UPDATE mainstay_runs SET checkpoint = ? WHERE run_id = ?");
        self.change(set.bind(wire::int(at)).bind(run_id.blob())).await.map(drop)
    }

    async fn park(&mut self, run_id: RunId, seen: u64, wait: &WaitSet) -> Result<(), StoreError> {
        self.disown(run_id, RunStatus::Parked).await?;
        let set = "UPDATE mainstay_runs SET wait = ?, wake_after = ?, inbox_read = ?
                   WHERE run_id = ?";
        let set = sqlx::query(set)
            .bind(wire::json(wait)?)
            .bind(i64::from(wait.wake_after()))
            .bind(wire::int(seen))
            .bind(run_id.blob());
        self.change(set).await?;
        self.changed(run_id).await
    }

    async fn disown(&mut self, run_id: RunId, status: RunStatus) -> Result<(), StoreError> {
        let set = "UPDATE mainstay_runs SET status = ?, owner = NULL WHERE run_id = ?";
        self.change(sqlx::query(set).bind(status.as_str()).bind(run_id.blob())).await?;
        let remove = sqlx::query("DELETE FROM mainstay_claims WHERE run_id = ?");
        self.change(remove.bind(run_id.blob())).await.map(drop)
    }

    pub(super) async fn forget_crashes(&mut self, run_id: RunId) -> Result<(), StoreError> {
        let set = "UPDATE mainstay_runs SET crashes = 0 WHERE run_id = ?";
        self.change(sqlx::query(set).bind(run_id.blob())).await.map(drop)
    }
}
