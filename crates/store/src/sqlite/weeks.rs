//! Weeks without partitions: found by seeking, dropped row by row, a bounded number at a time.

use mainstay_core::{
    digest::Digest,
    id::RunId,
    store::{
        StoreError,
        operation::{DropWeek, DroppedWeek, HoldDuty, LendPayloads, Term, WeekRuns},
        week::UPKEEP,
    },
    week::Week,
};

use super::{
    runs::run_id,
    scope::{Blob, Scope, Statement, column},
};
use crate::wire;

/// Tables with rows of a week's runs.
const PLACES: [&str; 4] = [
    "DELETE FROM mainstay_inbox WHERE (run_id, position) IN (
         SELECT run_id, position FROM mainstay_inbox WHERE run_id BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM mainstay_reviews WHERE review_id IN (
         SELECT review_id FROM mainstay_reviews WHERE run_id BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM mainstay_run_index WHERE run_id IN (
         SELECT run_id FROM mainstay_run_index WHERE run_id BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM mainstay_runs WHERE run_id IN (
         SELECT run_id FROM mainstay_runs WHERE run_id BETWEEN ?1 AND ?2 LIMIT ?3)",
];

const PAYLOADS: &str = "
DELETE FROM mainstay_payloads WHERE rowid IN (
    SELECT rowid FROM mainstay_payloads WHERE week = ? LIMIT ?)";

/// The last of all: as long as a journal is there, the week is found again.
const JOURNAL: &str = "
DELETE FROM mainstay_journal WHERE (run_id, position) IN (
    SELECT run_id, position FROM mainstay_journal WHERE run_id BETWEEN ?1 AND ?2 LIMIT ?3)";

fn within<'q>(sql: &'static str, week: Week) -> Statement<'q> {
    let (low, high) = week.ids();
    sqlx::query(sql).bind(low.as_bytes().to_vec()).bind(high.as_bytes().to_vec())
}

impl Scope<'_> {
    /// Gives a duty to the one who asks, unless another holds it.
    pub(super) async fn hold(&mut self, wish: &HoldDuty) -> Result<Option<Term>, StoreError> {
        let set = "INSERT INTO mainstay_duties (duty, holder, term, expires_at)
                   VALUES (?1, ?2, 1, ?3)
                   ON CONFLICT (duty) DO UPDATE
                   SET term = term + (holder <> ?2), holder = ?2, expires_at = ?3
                   WHERE holder = ?2 OR expires_at <= ?4
                   RETURNING term";
        let set = sqlx::query(set)
            .bind(&wish.duty)
            .bind(wish.holder.blob())
            .bind(self.now.after(wish.span).micros())
            .bind(self.now.micros());
        self.row(set).await?.map(|row| wire::count(column(&row, "term")?)).transpose()
    }

    /// Returns the weeks before one that journals are kept of: one seek for each.
    pub(super) async fn weeks(&mut self, before: Week) -> Result<Vec<Week>, StoreError> {
        let next = "SELECT min(run_id) AS run_id FROM mainstay_journal WHERE run_id >= ?";
        let (mut weeks, mut from) = (Vec::new(), vec![0]);
        loop {
            let row = self.row(sqlx::query(next).bind(std::mem::take(&mut from))).await?;
            let found = row.as_ref().map(|row| column::<Option<&[u8]>, _>(row, "run_id"));
            let Some(found) = found.transpose()?.flatten() else { return Ok(weeks) };
            let week = Week::of(RunId::from_uuid(wire::uuid(found)?));
            if week >= before {
                return Ok(weeks);
            }
            weeks.push(week);
            from.extend(week.next().ids().0.as_bytes());
        }
    }

    /// Returns the runs that journals of a week are kept of.
    pub(super) async fn week_runs(&mut self, wish: &WeekRuns) -> Result<Vec<RunId>, StoreError> {
        let find = "SELECT DISTINCT run_id FROM mainstay_journal
                    WHERE run_id BETWEEN ?1 AND ?2 AND run_id > ?3 ORDER BY run_id LIMIT ?4";
        let after = wish.after.map_or_else(|| vec![0], |run_id| run_id.blob());
        let find = within(find, wish.week).bind(after).bind(i64::from(wish.limit));
        self.rows(find).await?.iter().map(run_id).collect()
    }

    /// Copies payloads to the week of another id.
    pub(super) async fn lend_payloads(&mut self, wish: &LendPayloads) -> Result<u64, StoreError> {
        let mut there = 0;
        let digests: std::collections::BTreeSet<_> = wish.digests.iter().collect();
        for digest in digests {
            there += u64::from(self.lend_payload(wish, digest).await?);
        }
        Ok(there)
    }

    async fn lend_payload(
        &mut self,
        wish: &LendPayloads,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        let copy = "INSERT INTO mainstay_payloads (week, tenant, digest, bytes)
                    SELECT ?1, tenant, digest, bytes FROM mainstay_payloads
                    WHERE week = ?2 AND digest = ?3 AND tenant =
                        (SELECT tenant FROM mainstay_journal WHERE run_id = ?4 AND position = 1)
                    ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
        let copy = sqlx::query(copy)
            .bind(wire::week(wish.to))
            .bind(wire::week(wish.from))
            .bind(&digest.as_bytes()[..])
            .bind(wish.from.blob());
        Ok(self.change(copy).await? == 1)
    }

    /// Drops a week, unless an unfinished run keeps it.
    pub(super) async fn drop_week(&mut self, wish: &DropWeek) -> Result<DroppedWeek, StoreError> {
        let term = sqlx::query("SELECT 1 FROM mainstay_duties WHERE duty = ? AND term = ?");
        if self.row(term.bind(UPKEEP).bind(wire::int(wish.term))).await?.is_none() {
            return Ok(DroppedWeek::Superseded);
        }
        let kept = self.kept_by(wish.week).await?;
        if kept > 0 {
            return Ok(DroppedWeek::Kept(kept));
        }
        if !self.sweep(wish.week, u64::from(wish.limit)).await? {
            return Ok(DroppedWeek::More);
        }
        self.drop_rest(wish.week).await?;
        Ok(DroppedWeek::Gone)
    }

    /// Removes at most so many rows. Returns whether nothing is left.
    async fn sweep(&mut self, week: Week, at_most: u64) -> Result<bool, StoreError> {
        let mut rest = at_most;
        let payloads = sqlx::query(PAYLOADS).bind(week.number());
        let places = PLACES.into_iter().map(|place| within(place, week));
        for piece in places.chain([payloads, within(JOURNAL, week)]) {
            let gone = self.change(piece.bind(wire::int(rest))).await?;
            rest = rest.saturating_sub(gone);
            if rest == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn kept_by(&mut self, week: Week) -> Result<u64, StoreError> {
        let count = "SELECT count(*) AS kept FROM mainstay_runs WHERE run_id BETWEEN ?1 AND ?2
                     AND status IN ('queued', 'running', 'parked')";
        let row = self.row(within(count, week)).await?;
        row.map_or(Ok(0), |row| wire::count(column(&row, "kept")?))
    }

    /// A key keeps leading to a run that moved.
    async fn drop_rest(&mut self, week: Week) -> Result<(), StoreError> {
        for rest in [
            "DELETE FROM mainstay_run_changes WHERE run_id BETWEEN ?1 AND ?2",
            "DELETE FROM mainstay_run_keys WHERE run_id BETWEEN ?1 AND ?2
                 AND run_id NOT IN (SELECT run_id FROM mainstay_run_alias)",
            "DELETE FROM mainstay_run_alias WHERE home BETWEEN ?1 AND ?2",
        ] {
            self.change(within(rest, week)).await?;
        }
        Ok(())
    }
}
