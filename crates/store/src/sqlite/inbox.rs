//! Messages to runs, and messages of runs to others.

use mainstay_core::{
    id::RunId,
    inbox::InboxBody,
    run::RunStatus,
    store::{
        StoreError,
        operation::{Append, Delivered, Delivery},
        row::{InboxRow, OutboxRow},
    },
};
use sqlx::sqlite::SqliteRow;

use super::{
    runs::run_id,
    scope::{Blob, Scope, column},
};
use crate::{payload, sound, wire};

pub(super) fn inbox_row(row: &SqliteRow) -> Result<InboxRow, StoreError> {
    Ok(InboxRow {
        position: wire::count(column(row, "position")?)?,
        key: column(row, "key")?,
        body: wire::read_json(column(row, "body")?)?,
        payloads: payload::decode(column(row, "payloads")?)?,
    })
}

fn outbox_row(row: &SqliteRow) -> Result<OutboxRow, StoreError> {
    Ok(OutboxRow {
        run_id: run_id(row)?,
        position: wire::count(column(row, "position")?)?,
        n: wire::small(column(row, "n")?)?,
        message: wire::read_json(column(row, "message")?)?,
    })
}

/// What a message needs to know of the run it is for.
struct Addressee {
    tenant: String,
    status: RunStatus,
    head: u64,
    wake_after: u32,
}

impl Scope<'_> {
    /// Puts a message into a run's inbox, once per key, and wakes the run if it was due.
    pub(super) async fn deliver(&mut self, delivery: &Delivery) -> Result<Delivered, StoreError> {
        sound::delivery(delivery)?;
        if let Some(run) = self.addressee(delivery.run_id).await? {
            return self.deliver_to(&run, delivery).await;
        }
        let Some(run_id) = self.home(delivery.run_id).await? else {
            return Ok(Delivered::Unknown);
        };
        match self.addressee(run_id).await? {
            Some(run) => self.deliver_to(&run, &Delivery { run_id, ..delivery.clone() }).await,
            None => Ok(Delivered::Unknown),
        }
    }

    async fn deliver_to(
        &mut self,
        run: &Addressee,
        delivery: &Delivery,
    ) -> Result<Delivered, StoreError> {
        if let Some(position) = self.message_of_key(delivery).await? {
            return Ok(Delivered::Duplicate { position });
        }
        if run.status.is_terminal() {
            return Ok(Delivered::Ended);
        }
        let position = run.head + 1;
        self.insert_message(delivery, &run.tenant, position).await?;
        let woke = self.raise(delivery.run_id, run, &delivery.body).await?;
        Ok(Delivered::Accepted { position, woke })
    }

    async fn addressee(&mut self, run_id: RunId) -> Result<Option<Addressee>, StoreError> {
        let find = "SELECT tenant, status, inbox_head, wake_after FROM mainstay_runs
                    WHERE run_id = ?";
        let Some(row) = self.row(sqlx::query(find).bind(run_id.blob())).await? else {
            return Ok(None);
        };
        Ok(Some(Addressee {
            tenant: column(&row, "tenant")?,
            status: wire::status(column(&row, "status")?)?,
            head: wire::count(column(&row, "inbox_head")?)?,
            wake_after: wire::small(column(&row, "wake_after")?)?,
        }))
    }

    async fn message_of_key(&mut self, delivery: &Delivery) -> Result<Option<u64>, StoreError> {
        let find = "SELECT position FROM mainstay_inbox WHERE run_id = ? AND key = ?";
        let find = sqlx::query(find).bind(delivery.run_id.blob()).bind(&delivery.key);
        self.row(find).await?.map(|row| wire::count(column(&row, "position")?)).transpose()
    }

    async fn insert_message(
        &mut self,
        delivery: &Delivery,
        tenant: &str,
        position: u64,
    ) -> Result<(), StoreError> {
        let add = "INSERT INTO mainstay_inbox (run_id, position, tenant, key, body, payloads)
                   VALUES (?, ?, ?, ?, ?, ?)";
        let add = sqlx::query(add)
            .bind(delivery.run_id.blob())
            .bind(wire::int(position))
            .bind(tenant)
            .bind(&delivery.key)
            .bind(wire::json(&delivery.body)?)
            .bind(payload::encode(&delivery.payloads));
        self.change(add).await.map(drop)
    }

    /// Raises the inbox's head, and moves a parked run that has waited long enough to the queue.
    async fn raise(
        &mut self,
        run_id: RunId,
        run: &Addressee,
        body: &InboxBody,
    ) -> Result<bool, StoreError> {
        let parked = run.status == RunStatus::Parked;
        let left = if parked { run.wake_after.saturating_sub(1) } else { run.wake_after };
        let wakes = parked && (left == 0 || body.is_urgent());
        let set = "UPDATE mainstay_runs SET inbox_head = inbox_head + 1, wake_after = ?1,
                       status = CASE WHEN ?2 THEN 'queued' ELSE status END,
                       wait = CASE WHEN ?2 THEN NULL ELSE wait END
                   WHERE run_id = ?3";
        let set = sqlx::query(set).bind(i64::from(left)).bind(wakes).bind(run_id.blob());
        self.change(set).await?;
        if wakes {
            self.enqueue(run_id).await?;
        }
        Ok(wakes)
    }

    /// Returns a run's messages after a position.
    pub(super) async fn inbox(
        &mut self,
        run_id: RunId,
        after: u64,
    ) -> Result<Vec<InboxRow>, StoreError> {
        let find = "SELECT position, key, body, payloads FROM mainstay_inbox
                    WHERE run_id = ? AND position > ? ORDER BY position";
        let find = sqlx::query(find).bind(run_id.blob()).bind(wire::int(after));
        self.rows(find).await?.iter().map(inbox_row).collect()
    }

    /// Writes a part's messages to others.
    pub(super) async fn send(&mut self, part: &Append, tenant: &str) -> Result<(), StoreError> {
        let add = "INSERT INTO mainstay_outbox (run_id, position, n, tenant, message)
                   VALUES (?, ?, ?, ?, ?)";
        for (message, n) in part.outbox.iter().zip(0_i64..) {
            let add = sqlx::query(add)
                .bind(part.run_id.blob())
                .bind(wire::int(part.head.position + 1))
                .bind(n)
                .bind(tenant)
                .bind(wire::json(message)?);
            self.change(add).await?;
        }
        Ok(())
    }

    /// Returns messages to others, oldest first.
    pub(super) async fn outbox(&mut self, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let find = "SELECT run_id, position, n, message FROM mainstay_outbox ORDER BY seq LIMIT ?";
        let rows = self.rows(sqlx::query(find).bind(i64::from(limit))).await?;
        rows.iter().map(outbox_row).collect()
    }

    /// Removes delivered messages.
    pub(super) async fn outbox_done(&mut self, rows: &[OutboxRow]) -> Result<u64, StoreError> {
        let remove = "DELETE FROM mainstay_outbox WHERE run_id = ? AND position = ? AND n = ?";
        let mut removed = 0;
        for row in rows {
            let remove = sqlx::query(remove)
                .bind(row.run_id.blob())
                .bind(wire::int(row.position))
                .bind(i64::from(row.n));
            removed += self.change(remove).await?;
        }
        Ok(removed)
    }
}
