//! Moves of parked runs: one id for another, in one transaction.

use mainstay_core::{
    id::RunId,
    store::{
        StoreError,
        operation::{Rehome, Rehoming},
    },
};

use super::{
    journal::NewRow,
    scope::{Blob, Scope, column},
};
use crate::{sound, wire};

impl Scope<'_> {
    /// Returns the id a run has now, if it has moved.
    pub(super) async fn home(&mut self, run_id: RunId) -> Result<Option<RunId>, StoreError> {
        let find = sqlx::query("SELECT home FROM mainstay_run_alias WHERE run_id = ?");
        let row = self.row(find.bind(run_id.blob())).await?;
        row.map(|row| Ok(RunId::from_uuid(wire::uuid(column(&row, "home")?)?))).transpose()
    }

    /// Moves a parked run to another id.
    pub(super) async fn rehome(&mut self, wish: &Rehome) -> Result<Rehoming, StoreError> {
        sound::rehome(wish)?;
        let Some(tenant) = self.tenant_at_rest(wish).await? else { return Ok(Rehoming::Missed) };
        if self.is_taken(wish.to).await? {
            return Ok(Rehoming::Taken);
        }
        let [claimed, moved] = &wish.rows;
        let row = |run_id, row| NewRow { run_id, tenant: &tenant, row };
        let rows = [row(wish.run_id, claimed), row(wish.run_id, moved), row(wish.to, &wish.first)];
        self.insert_rows(&rows).await?;
        self.move_row(wish).await?;
        self.readdress(wish.run_id, wish.to).await?;
        Ok(Rehoming::Done)
    }

    /// Returns whose the run is, if it is parked as it was seen.
    async fn tenant_at_rest(&mut self, wish: &Rehome) -> Result<Option<String>, StoreError> {
        let find = "SELECT r.tenant FROM mainstay_runs r JOIN mainstay_journal j USING (run_id)
                    WHERE r.run_id = ?1 AND r.status = 'parked' AND r.epoch = ?2
                      AND r.inbox_head = ?3 AND j.position = ?4 AND j.link = ?5
                      AND NOT EXISTS (SELECT 1 FROM mainstay_journal
                                      WHERE run_id = ?1 AND position = ?4 + 1)";
        let find = sqlx::query(find)
            .bind(wish.run_id.blob())
            .bind(wire::int(wish.epoch))
            .bind(wire::int(wish.inbox_seen))
            .bind(wire::int(wish.head.position))
            .bind(&wish.head.link.as_bytes()[..]);
        self.row(find).await?.map(|row| column(&row, "tenant")).transpose()
    }

    async fn is_taken(&mut self, run_id: RunId) -> Result<bool, StoreError> {
        let find = "SELECT 1 FROM mainstay_journal WHERE run_id = ?1
                    UNION ALL SELECT 1 FROM mainstay_run_alias WHERE run_id = ?1 LIMIT 1";
        Ok(self.row(sqlx::query(find).bind(run_id.blob())).await?.is_some())
    }

    async fn move_row(&mut self, wish: &Rehome) -> Result<(), StoreError> {
        let set = "UPDATE mainstay_runs SET run_id = ?1, epoch = ?2, checkpoint = 1, crashes = 0,
                       reads_only_until = NULL
                   WHERE run_id = ?3";
        let set = sqlx::query(set)
            .bind(wish.to.blob())
            .bind(wire::int(wish.epoch + 1))
            .bind(wish.run_id.blob());
        self.change(set).await.map(drop)
    }

    async fn readdress(&mut self, from: RunId, to: RunId) -> Result<(), StoreError> {
        for follow in [
            "UPDATE mainstay_inbox SET run_id = ?1 WHERE run_id = ?2",
            "UPDATE mainstay_timers SET run_id = ?1 WHERE run_id = ?2",
            "UPDATE mainstay_reviews SET run_id = ?1 WHERE run_id = ?2",
            "UPDATE mainstay_run_alias SET home = ?1 WHERE home = ?2",
            "INSERT INTO mainstay_run_alias (home, run_id) VALUES (?1, ?2)",
        ] {
            self.change(sqlx::query(follow).bind(to.blob()).bind(from.blob())).await?;
        }
        for gone in [
            "DELETE FROM mainstay_run_index WHERE run_id = ?",
            "DELETE FROM mainstay_run_changes WHERE run_id = ?",
        ] {
            self.change(sqlx::query(gone).bind(from.blob())).await?;
        }
        self.changed(to).await
    }
}
