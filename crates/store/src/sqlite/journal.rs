//! Rows of the journal and the payloads they refer to.

use mainstay_core::{
    digest::Digest,
    id::RunId,
    journal::{JournalRow, Position},
    payload::Payload,
    store::{StoreError, operation::PayloadRequest},
    time::Timestamp,
};
use sqlx::sqlite::SqliteRow;

use super::scope::{Blob, Scope, column};
use crate::{payload, wire};

fn journal_row(row: &SqliteRow) -> Result<JournalRow, StoreError> {
    Ok(JournalRow {
        position: wire::count(column(row, "position")?)?,
        epoch: wire::count(column(row, "epoch")?)?,
        prev: wire::digest(column(row, "prev")?)?,
        link: wire::digest(column(row, "link")?)?,
        kind: column(row, "kind")?,
        at: Timestamp::from_micros(column(row, "at")?),
        body: column(row, "body")?,
        payloads: payload::decode(column(row, "payloads")?)?,
    })
}

impl Scope<'_> {
    /// Adds a row with its payloads.
    pub(super) async fn insert_row(
        &mut self,
        run_id: RunId,
        tenant: &str,
        row: &JournalRow,
    ) -> Result<(), StoreError> {
        let (small, large) = payload::split(&row.payloads);
        for payload in large {
            self.keep_payload(run_id, tenant, payload).await?;
        }
        let add = "INSERT INTO mainstay_journal
                       (run_id, position, tenant, epoch, prev, link, kind, at, body, payloads)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let add = sqlx::query(add)
            .bind(run_id.blob())
            .bind(wire::int(row.position))
            .bind(tenant)
            .bind(wire::int(row.epoch))
            .bind(&row.prev.as_bytes()[..])
            .bind(&row.link.as_bytes()[..])
            .bind(&row.kind)
            .bind(row.at.micros())
            .bind(row.body.as_slice())
            .bind(payload::encode(small));
        self.change(add).await.map(drop)
    }

    async fn keep_payload(
        &mut self,
        run_id: RunId,
        tenant: &str,
        payload: &Payload,
    ) -> Result<(), StoreError> {
        let add = "INSERT OR IGNORE INTO mainstay_payloads (week, tenant, digest, bytes)
                   VALUES (?, ?, ?, ?)";
        let add = sqlx::query(add)
            .bind(wire::week(run_id))
            .bind(tenant)
            .bind(&payload.digest().as_bytes()[..])
            .bind(payload::compress(payload));
        self.change(add).await.map(drop)
    }

    /// Returns a part of a journal with the payloads that stand in its rows.
    pub(super) async fn journal(
        &mut self,
        run_id: RunId,
        from: Position,
        limit: u32,
    ) -> Result<Vec<JournalRow>, StoreError> {
        let find = "SELECT position, epoch, prev, link, kind, at, body, payloads
                    FROM mainstay_journal WHERE run_id = ? AND position >= ?
                    ORDER BY position LIMIT ?";
        let find =
            sqlx::query(find).bind(run_id.blob()).bind(wire::int(from)).bind(i64::from(limit));
        self.rows(find).await?.iter().map(journal_row).collect()
    }

    /// Returns payloads in the order they are wanted; those that are gone are left out.
    pub(super) async fn payloads(
        &mut self,
        request: &PayloadRequest,
    ) -> Result<Vec<Payload>, StoreError> {
        let mut found = Vec::with_capacity(request.wanted.len());
        for (digest, position) in &request.wanted {
            let inline = self.inline_payload(request.run_id, *digest, *position).await?;
            match inline {
                Some(payload) => found.push(payload),
                None => found.extend(self.large_payload(request.run_id, *digest).await?),
            }
        }
        Ok(found)
    }

    async fn inline_payload(
        &mut self,
        run_id: RunId,
        digest: Digest,
        position: Position,
    ) -> Result<Option<Payload>, StoreError> {
        let find = "SELECT payloads FROM mainstay_journal WHERE run_id = ? AND position = ?";
        let find = sqlx::query(find).bind(run_id.blob()).bind(wire::int(position));
        let Some(row) = self.row(find).await? else { return Ok(None) };
        let inline = payload::decode(column(&row, "payloads")?)?;
        Ok(inline.into_iter().find(|payload| payload.digest() == digest))
    }

    async fn large_payload(
        &mut self,
        run_id: RunId,
        digest: Digest,
    ) -> Result<Option<Payload>, StoreError> {
        let find = "SELECT bytes FROM mainstay_payloads WHERE week = ? AND digest = ?
                    AND tenant = (SELECT tenant FROM mainstay_runs WHERE run_id = ?)";
        let find = sqlx::query(find)
            .bind(wire::week(run_id))
            .bind(&digest.as_bytes()[..])
            .bind(run_id.blob());
        let row = self.row(find).await?;
        row.map(|row| payload::decompress(digest, column(&row, "bytes")?)).transpose()
    }
}
