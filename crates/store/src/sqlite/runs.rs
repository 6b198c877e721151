//! Starting runs, their rows, and the queue of those that can run now.

use mainstay_core::{
    digest::Digest,
    id::{RunId, SessionId},
    store::{
        StoreError,
        operation::{CreatedRun, NewRun},
        row::RunRow,
    },
    time::Timestamp,
};
use sqlx::sqlite::SqliteRow;

use super::{
    flows::flow_version,
    journal::NewRow,
    scope::{Blob, Scope, column},
};
use crate::{sound, wire};

fn optional<T>(
    blob: Option<&[u8]>,
    read: impl FnOnce(uuid::Uuid) -> T,
) -> Result<Option<T>, StoreError> {
    blob.map(|blob| wire::uuid(blob).map(read)).transpose()
}

/// Reads a run's id from a row.
pub(super) fn run_id(row: &SqliteRow) -> Result<RunId, StoreError> {
    Ok(RunId::from_uuid(wire::uuid(column(row, "run_id")?)?))
}

pub(super) fn run_row(row: &SqliteRow) -> Result<RunRow, StoreError> {
    Ok(RunRow {
        run_id: run_id(row)?,
        tenant: column(row, "tenant")?,
        flow: flow_version(row)?,
        status: wire::status(column(row, "status")?)?,
        wait: column::<Option<&str>, _>(row, "wait")?.map(wire::read_json).transpose()?,
        epoch: wire::count(column(row, "epoch")?)?,
        owner: optional(column(row, "owner")?, SessionId::from_uuid)?,
        inbox_head: wire::count(column(row, "inbox_head")?)?,
        checkpoint: wire::count(column(row, "checkpoint")?)?,
        crashes: wire::small(column(row, "crashes")?)?,
        parent: optional(column(row, "parent")?, RunId::from_uuid)?,
        priority: column(row, "priority")?,
        reads_only_until: column::<Option<i64>, _>(row, "reads_only_until")?
            .map(Timestamp::from_micros),
    })
}

impl Scope<'_> {
    /// Starts a run: its key, its row, its first journal row and its place in the queue.
    pub(super) async fn create_run(&mut self, run: &NewRun) -> Result<CreatedRun, StoreError> {
        sound::new_run(run)?;
        if let Some((key, input)) = &run.key
            && let Some((first, used_with)) = self.run_of_key(&run.tenant, key).await?
        {
            let same = used_with == *input;
            return Ok(if same { CreatedRun::Exists(first) } else { CreatedRun::Conflict(first) });
        }
        let lane = self.make_lane(&run.flow).await?;
        if self.home(run.run_id).await?.is_some() {
            return Ok(CreatedRun::Exists(run.run_id));
        }
        if !self.insert_run(run, lane).await? {
            return Ok(CreatedRun::Exists(run.run_id));
        }
        if let Some((key, input)) = &run.key {
            self.keep_key(run, key, *input).await?;
        }
        let first = NewRow { run_id: run.run_id, tenant: &run.tenant, row: &run.first };
        self.insert_rows(&[first]).await?;
        self.enqueue(run.run_id).await?;
        Ok(CreatedRun::Created)
    }

    async fn run_of_key(
        &mut self,
        tenant: &str,
        key: &str,
    ) -> Result<Option<(RunId, Digest)>, StoreError> {
        let find = "SELECT run_id, input_digest FROM mainstay_run_keys
                    WHERE tenant = ? AND key = ?";
        let row = self.row(sqlx::query(find).bind(tenant).bind(key)).await?;
        row.map(|row| Ok((run_id(&row)?, wire::digest(column(&row, "input_digest")?)?))).transpose()
    }

    async fn keep_key(&mut self, run: &NewRun, key: &str, input: Digest) -> Result<(), StoreError> {
        let add = "INSERT INTO mainstay_run_keys (tenant, key, run_id, input_digest)
                   VALUES (?, ?, ?, ?)";
        let add = sqlx::query(add)
            .bind(&run.tenant)
            .bind(key)
            .bind(run.run_id.blob())
            .bind(&input.as_bytes()[..]);
        self.change(add).await.map(drop)
    }

    async fn insert_run(&mut self, run: &NewRun, lane: i64) -> Result<bool, StoreError> {
        let add = "INSERT INTO mainstay_runs
                       (run_id, tenant, lane, status, parent, priority, tags, created_at)
                   VALUES (?, ?, ?, 'queued', ?, ?, ?, ?) ON CONFLICT (run_id) DO NOTHING";
        let add = sqlx::query(add)
            .bind(run.run_id.blob())
            .bind(&run.tenant)
            .bind(lane)
            .bind(run.parent.map(|parent| parent.blob()))
            .bind(run.priority)
            .bind(&run.tags)
            .bind(run.first.at.micros());
        Ok(self.change(add).await? == 1)
    }

    /// Puts a run at the end of its lane's queue, and notes the change for the searchable list.
    pub(super) async fn enqueue(&mut self, run_id: RunId) -> Result<(), StoreError> {
        let add = "INSERT INTO mainstay_ready (run_id, tenant, lane, priority)
                   SELECT run_id, tenant, lane, priority FROM mainstay_runs WHERE run_id = ?";
        self.change(sqlx::query(add).bind(run_id.blob())).await?;
        self.changed(run_id).await
    }

    /// Takes a run out of the queue.
    pub(super) async fn dequeue(&mut self, run_id: RunId) -> Result<(), StoreError> {
        let remove = sqlx::query("DELETE FROM mainstay_ready WHERE run_id = ?");
        self.change(remove.bind(run_id.blob())).await.map(drop)
    }

    /// Returns a run's row, also for an id that moved.
    pub(super) async fn run(&mut self, run_id: RunId) -> Result<Option<RunRow>, StoreError> {
        let mut at = run_id;
        loop {
            if let Some(row) = self.row_of(at).await? {
                return Ok(Some(row));
            }
            // It may have moved once more between the two looks.
            match self.home(run_id).await? {
                Some(home) if home != at => at = home,
                _ => return Ok(None),
            }
        }
    }

    async fn row_of(&mut self, run_id: RunId) -> Result<Option<RunRow>, StoreError> {
        let find = "SELECT r.*, l.flow, l.version, l.definition
                    FROM mainstay_runs r JOIN mainstay_lanes l USING (lane) WHERE run_id = ?";
        let row = self.row(sqlx::query(find).bind(run_id.blob())).await?;
        row.as_ref().map(run_row).transpose()
    }
}
