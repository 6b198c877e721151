//! Timers: set and dropped with a commit, turned into messages when they are due.

use std::time::Duration;

use mainstay_core::{
    id::RunId,
    inbox::InboxBody,
    store::{
        StoreError,
        operation::{Append, Delivery, FiredTimers},
    },
    time::Timestamp,
};

use super::{
    runs::run_id,
    scope::{Blob, Scope, column},
};
use crate::wire;

impl Scope<'_> {
    /// Drops and sets a part's timers.
    pub(super) async fn set_timers(
        &mut self,
        part: &Append,
        tenant: &str,
    ) -> Result<(), StoreError> {
        for key in &part.timers_off {
            self.drop_timer(part.run_id, key).await?;
        }
        let add = "INSERT OR REPLACE INTO mainstay_timers (run_id, key, tenant, due_at)
                   VALUES (?, ?, ?, ?)";
        for (key, due) in &part.timers {
            let add =
                sqlx::query(add).bind(part.run_id.blob()).bind(key).bind(tenant).bind(due.micros());
            self.change(add).await?;
        }
        Ok(())
    }

    async fn drop_timer(&mut self, run_id: RunId, key: &str) -> Result<(), StoreError> {
        let remove = sqlx::query("DELETE FROM mainstay_timers WHERE run_id = ? AND key = ?");
        self.change(remove.bind(run_id.blob()).bind(key)).await.map(drop)
    }

    /// Turns due timers into messages. A timer's row goes in the transaction that raises the
    /// inbox's head.
    pub(super) async fn fire_timers(&mut self, limit: u32) -> Result<FiredTimers, StoreError> {
        let due = "SELECT run_id, key, due_at FROM mainstay_timers WHERE due_at <= ?
                   ORDER BY due_at, run_id, key LIMIT ?";
        let due = sqlx::query(due).bind(self.now.micros()).bind(i64::from(limit));
        let mut fired = 0;
        for row in self.rows(due).await? {
            let due = Timestamp::from_micros(column(&row, "due_at")?);
            self.fire(run_id(&row)?, column(&row, "key")?, due).await?;
            fired += 1;
        }
        Ok(FiredTimers { fired, next_in: self.next_timer().await? })
    }

    async fn fire(&mut self, run_id: RunId, key: String, due: Timestamp) -> Result<(), StoreError> {
        self.drop_timer(run_id, &key).await?;
        let counts_once = wire::timer_key(&key, due);
        let body = InboxBody::TimerFired { key, due: Some(due) };
        let delivery = Delivery { run_id, key: counts_once, body, payloads: Vec::new() };
        self.deliver(&delivery).await.map(drop)
    }

    async fn next_timer(&mut self) -> Result<Option<Duration>, StoreError> {
        let next = sqlx::query("SELECT min(due_at) AS due FROM mainstay_timers");
        let row = self.row(next).await?;
        let due = row.map(|row| column::<Option<i64>, _>(&row, "due")).transpose()?.flatten();
        Ok(due.map(|due| Timestamp::from_micros(due).since(self.now)))
    }
}
