//! Rows of the journal and the payloads they refer to.

use mainstay_core::{
    digest::Digest,
    id::RunId,
    journal::{JournalRow, Position},
    payload::Payload,
    store::{StoreError, operation::PayloadRequest},
    time::Timestamp,
};
use sqlx::{QueryBuilder, Sqlite, sqlite::SqliteRow};

use super::{
    pieces::pieces,
    scope::{Blob, Scope, column},
};
use crate::{payload, wire};

fn payload_rows(large: &[(NewRow<'_>, &Payload)]) -> QueryBuilder<Sqlite> {
    let add = "INSERT OR IGNORE INTO mainstay_payloads (week, tenant, digest, bytes) ";
    let mut sql = QueryBuilder::new(add);
    sql.push_values(large, |mut values, (new, payload)| {
        values
            .push_bind(wire::week(new.run_id))
            .push_bind(new.tenant)
            .push_bind(&payload.digest().as_bytes()[..])
            .push_bind(payload::compress(payload));
    });
    sql
}

fn journal_rows(rows: &[NewRow<'_>]) -> QueryBuilder<Sqlite> {
    let add = "INSERT INTO mainstay_journal
                   (run_id, position, tenant, epoch, prev, link, kind, at, body, payloads) ";
    let mut sql = QueryBuilder::new(add);
    sql.push_values(rows, |mut values, NewRow { run_id, tenant, row }| {
        values
            .push_bind(run_id.blob())
            .push_bind(wire::int(row.position))
            .push_bind(*tenant)
            .push_bind(wire::int(row.epoch))
            .push_bind(&row.prev.as_bytes()[..])
            .push_bind(&row.link.as_bytes()[..])
            .push_bind(&row.kind)
            .push_bind(row.at.micros())
            .push_bind(row.body.as_slice())
            .push_bind(payload::encode(payload::split(&row.payloads).0));
    });
    sql
}

pub(super) fn journal_row(row: &SqliteRow) -> Result<JournalRow, StoreError> {
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

/// A row for the journal of a run.
#[derive(Clone, Copy)]
pub(super) struct NewRow<'a> {
    pub(super) run_id: RunId,
    pub(super) tenant: &'a str,
    pub(super) row: &'a JournalRow,
}

impl Scope<'_> {
    /// Adds rows with their payloads.
    pub(super) async fn insert_rows(&mut self, rows: &[NewRow<'_>]) -> Result<(), StoreError> {
        let large = rows.iter().flat_map(|new| {
            let (_, large) = payload::split(&new.row.payloads);
            large.into_iter().map(|payload| (*new, payload))
        });
        for piece in pieces(&large.collect::<Vec<_>>()) {
            self.change(payload_rows(piece).build()).await?;
        }
        for piece in pieces(rows) {
            self.change(journal_rows(piece).build()).await?;
        }
        Ok(())
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
                    AND tenant =
                        (SELECT tenant FROM mainstay_journal WHERE run_id = ? AND position = 1)";
        let find = sqlx::query(find)
            .bind(wire::week(run_id))
            .bind(&digest.as_bytes()[..])
            .bind(run_id.blob());
        let row = self.row(find).await?;
        row.map(|row| payload::decompress(digest, column(&row, "bytes")?)).transpose()
    }
}
