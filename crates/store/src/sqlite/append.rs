//! Appending to journals: the fence, the compare-and-set on the inbox, and what rides along.

use mainstay_core::{
    id::RunId,
    journal::Position,
    run::RunStatus,
    store::{
        StoreError,
        operation::{Append, Appended, RowChange},
    },
    wait::WaitSet,
};

use sqlx::sqlite::SqliteRow;

use super::scope::{Blob, Isolation, Scope, column};
use crate::{sound, wire};

impl Scope<'_> {
    /// Judges and writes each part by itself, in their order.
    pub(super) async fn append(&mut self, parts: &[Append]) -> Result<Vec<Appended>, StoreError> {
        let mut answers = Vec::with_capacity(parts.len());
        for part in parts {
            answers.push(match self.isolation {
                Isolation::Shared => self.append_part(part).await?,
                Isolation::Each => self.isolated_part(part).await?,
            });
        }
        Ok(answers)
    }

    async fn isolated_part(&mut self, part: &Append) -> Result<Appended, StoreError> {
        self.savepoint("SAVEPOINT part").await?;
        let answer = match self.append_part(part).await {
            Err(StoreError::Poison { message, .. }) => {
                self.savepoint("ROLLBACK TO part").await?;
                Ok(Appended::Poison(message))
            }
            answer => answer,
        };
        self.savepoint("RELEASE part").await?;
        answer
    }

    /// Everything that can refuse the part is asked before anything is written.
    async fn append_part(&mut self, part: &Append) -> Result<Appended, StoreError> {
        if let Err(message) = sound::part(part) {
            return Ok(Appended::Poison(message));
        }
        let standing = match self.judge(part).await? {
            Ok(standing) => standing,
            Err(refusal) => return Ok(refusal),
        };
        let tenant = &standing.tenant;
        for row in &part.rows {
            self.insert_row(part.run_id, tenant, row).await?;
        }
        self.send(part, tenant).await?;
        self.set_timers(part, tenant).await?;
        self.open_reviews(part, tenant).await?;
        self.change_row(part).await?;
        if standing.crashed && part.rows.iter().any(|row| wire::is_progress(&row.kind)) {
            self.forget_crashes(part.run_id).await?;
        }
        self.write_local(part).await?;
        Ok(Appended::Accepted)
    }

    /// Asks the journal itself for its end, and the run's row in the same statement.
    async fn judge(&mut self, part: &Append) -> Result<Result<Standing, Appended>, StoreError> {
        let ends = "SELECT j.position, j.epoch, j.link, j.kind, r.tenant, r.inbox_head,
                        r.crashes > 0 AS crashed, r.status = 'running' AND r.epoch = ?3 AS owned
                    FROM mainstay_journal j JOIN mainstay_runs r USING (run_id)
                    WHERE run_id = ?1 AND position BETWEEN ?2 AND ?2 + 1 ORDER BY position";
        let ends = sqlx::query(ends)
            .bind(part.run_id.blob())
            .bind(wire::int(part.head.position))
            .bind(wire::int(part.epoch));
        let (mut standing, mut found) = (None, None);
        for row in self.rows(ends).await? {
            let link = wire::digest(column(&row, "link")?)?;
            let position: Position = wire::count(column(&row, "position")?)?;
            if position > part.head.position {
                found = Some(link);
            } else if link == part.head.link && may_follow(&row, part)? {
                standing = Some(Standing::read(&row)?);
            }
        }
        Ok(match (standing, found) {
            (Some(standing), None) => standing.allows(part),
            (_, found) => Err(Appended::Fenced { found }),
        })
    }

    async fn change_row(&mut self, part: &Append) -> Result<(), StoreError> {
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
                self.disown(run_id, *status).await?;
                self.drop_timers(run_id).await?;
                self.close_reviews(run_id).await?;
                self.changed(run_id).await
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

    async fn forget_crashes(&mut self, run_id: RunId) -> Result<(), StoreError> {
        let set = sqlx::query("UPDATE mainstay_runs SET crashes = 0 WHERE run_id = ?");
        self.change(set.bind(run_id.blob())).await.map(drop)
    }
}

/// The fence: the journal's last row is of the owner's epoch, and one after which it may write.
fn may_follow(last: &SqliteRow, part: &Append) -> Result<bool, StoreError> {
    let same_epoch = wire::count(column(last, "epoch")?)? == part.epoch;
    Ok(same_epoch && !wire::ends_ownership(column(last, "kind")?))
}

/// What the run's row says about the one who wants to write.
struct Standing {
    tenant: String,
    owned: bool,
    crashed: bool,
    inbox_head: u64,
}

impl Standing {
    fn read(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: column(row, "tenant")?,
            owned: column(row, "owned")?,
            crashed: column(row, "crashed")?,
            inbox_head: wire::count(column(row, "inbox_head")?)?,
        })
    }

    /// A change of the run's row needs the run to be the owner's still, and an end of ownership
    /// needs an inbox that has not moved.
    fn allows(self, part: &Append) -> Result<Self, Appended> {
        let seen = match &part.change {
            RowChange::Keep => return Ok(self),
            RowChange::Checkpoint(_) | RowChange::Release { .. } | RowChange::Move { .. } => None,
            RowChange::Park { inbox_seen, .. } | RowChange::Finish { inbox_seen, .. } => {
                Some(*inbox_seen)
            }
        };
        if !self.owned {
            return Err(Appended::Fenced { found: None });
        }
        match seen.filter(|seen| *seen != self.inbox_head) {
            Some(_) => Err(Appended::InboxMoved { head: self.inbox_head }),
            None => Ok(self),
        }
    }
}
