//! May a part be written? Asked of the journal itself, of many parts in one statement.

use std::collections::BTreeMap;

use mainstay_core::{
    digest::Digest,
    store::{
        StoreError,
        operation::{Append, Appended, RowChange},
    },
};
use sqlx::{QueryBuilder, Sqlite, sqlite::SqliteRow};

use crate::{
    sqlite::{
        pieces::pieces,
        scope::{Blob, Scope, column},
    },
    wire,
};

/// What the run's row says about the one who wants to write.
pub(super) struct Standing {
    pub(super) tenant: String,
    pub(super) crashed: bool,
    owned: bool,
    inbox_head: u64,
}

/// A part that may be written, or why not.
pub(super) type Verdict = Result<Standing, Appended>;

/// What the journal holds around the end that a part's owner saw.
#[derive(Default)]
struct End {
    standing: Option<Standing>,
    /// The link of the row that has the place of the part's first.
    found: Option<Digest>,
}

impl Scope<'_> {
    /// Judges parts of distinct runs, in their order.
    pub(super) async fn judge(&mut self, parts: &[&Append]) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::with_capacity(parts.len());
        for piece in pieces(parts) {
            let mut ends = self.ends(piece).await?;
            for (n, part) in (0..).zip(piece) {
                verdicts.push(ends.remove(&n).unwrap_or_default().verdict(part));
            }
        }
        Ok(verdicts)
    }

    /// Reads the rows at and after each part's head, with the run's row, in one statement.
    async fn ends(&mut self, parts: &[&Append]) -> Result<BTreeMap<i64, End>, StoreError> {
        let mut ends: BTreeMap<i64, End> = BTreeMap::new();
        let mut sql = question(parts);
        for row in self.rows(sql.build()).await? {
            let n: i64 = column(&row, "n")?;
            let part = usize::try_from(n).ok().and_then(|n| parts.get(n));
            let Some(part) = part else { continue };
            ends.entry(n).or_default().read(&row, part)?;
        }
        Ok(ends)
    }
}

/// `CROSS JOIN` keeps the planner from any order but this one: each part, then its rows by key.
fn question(parts: &[&Append]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("WITH part (n, run_id, head, epoch) AS (");
    sql.push_values((0_i64..).zip(parts), |mut row, (n, part)| {
        row.push_bind(n)
            .push_bind(part.run_id.blob())
            .push_bind(wire::int(part.head.position))
            .push_bind(wire::int(part.epoch));
    });
    sql.push(
        ") SELECT p.n, j.position, j.epoch, j.link, j.kind, r.tenant, r.inbox_head,
               r.crashes > 0 AS crashed, r.status = 'running' AND r.epoch = p.epoch AS owned
           FROM part p CROSS JOIN mainstay_journal j CROSS JOIN mainstay_runs r
           WHERE j.run_id = p.run_id AND j.position BETWEEN p.head AND p.head + 1
             AND r.run_id = p.run_id",
    );
    sql
}

impl End {
    fn read(&mut self, row: &SqliteRow, part: &Append) -> Result<(), StoreError> {
        let link = wire::digest(column(row, "link")?)?;
        if wire::count(column(row, "position")?)? > part.head.position {
            self.found = Some(link);
        } else if link == part.head.link && may_follow(row, part)? {
            self.standing = Some(Standing::read(row)?);
        }
        Ok(())
    }

    fn verdict(self, part: &Append) -> Verdict {
        match (self.standing, self.found) {
            (Some(standing), None) => standing.allows(part),
            (_, found) => Err(Appended::Fenced { found }),
        }
    }
}

/// The fence: the journal's last row is of the owner's epoch, and one after which it may write.
fn may_follow(last: &SqliteRow, part: &Append) -> Result<bool, StoreError> {
    let same_epoch = wire::count(column(last, "epoch")?)? == part.epoch;
    Ok(same_epoch && !wire::ends_ownership(column(last, "kind")?))
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
    fn allows(self, part: &Append) -> Verdict {
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
