//! Partitions by week of the run id: made ahead of time, never in the way of a commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::Mutex,
};

use mainstay_core::{id::RunId, time::Timestamp, week::Week};
use sqlx::PgConnection;

use super::{failure::Failed, shared::lock};
use crate::wire;

/// Weeks that get partitions, counted from the store's week. Ids of other weeks go to the default
/// partition: an id is a client's word, and no client may make a thousand tables.
const AROUND: RangeInclusive<i64> = -1..=4;

/// What this process knows of weeks.
#[derive(Debug, Default)]
pub(super) struct Weeks {
    /// Those it has seen to.
    seen: Mutex<BTreeSet<i64>>,
    /// Whether a week has tables of its own that this role may use.
    tables: Mutex<BTreeMap<Week, bool>>,
}

impl Weeks {
    /// Makes the partitions of this week and the next ones. Returns the last of them.
    pub(super) async fn make_ahead(
        &self,
        sql: &mut PgConnection,
        simulated: Option<i64>,
    ) -> Result<Week, Failed> {
        let this = this_week(sql, simulated).await?;
        let last = wire::made_by(this);
        for week in this.number()..=last.number() {
            self.make(sql, week).await?;
        }
        drop_empty(sql, this).await?;
        Ok(last)
    }

    /// Makes the partitions of a run's week, if it is near the store's own.
    pub(super) async fn make_for(
        &self,
        sql: &mut PgConnection,
        run_id: RunId,
        simulated: Option<i64>,
    ) -> Result<(), Failed> {
        let week = wire::week(run_id);
        if self.seen(week) {
            return Ok(());
        }
        if AROUND.contains(&(week - this_week(sql, simulated).await?.number())) {
            self.make(sql, week).await
        } else {
            self.note(week);
            Ok(())
        }
    }

    async fn make(&self, sql: &mut PgConnection, week: i64) -> Result<(), Failed> {
        let made = sqlx::query("SELECT mainstay.ensure_week($1)").bind(week).execute(sql).await;
        match made.map_err(Failed::from) {
            // The default partition holds runs of that week, so it keeps the week.
            Err(Failed::Refused(why)) => tracing::warn!(week, why, "week stays unpartitioned"),
            other => {
                other?;
            }
        }
        self.note(week);
        Ok(())
    }

    /// Returns whether a week has tables of its own that this role may use.
    pub(super) async fn has_tables(
        &self,
        sql: &mut PgConnection,
        week: Week,
    ) -> Result<bool, Failed> {
        if let Some(known) = lock(&self.tables).get(&week) {
            return Ok(*known);
        }
        let has = sqlx::query_scalar(USABLE).bind(week.number()).fetch_one(sql).await?;
        lock(&self.tables).insert(week, has);
        Ok(has)
    }

    /// Forgets that a week has tables; returns whether it was known to.
    pub(super) fn forget(&self, week: Week) -> bool {
        lock(&self.tables).remove(&week).is_some()
    }

    fn seen(&self, week: i64) -> bool {
        lock(&self.seen).contains(&week)
    }

    fn note(&self, week: i64) {
        lock(&self.seen).insert(week);
    }
}

/// Rights on a parent are none on its partitions, where a statement names them.
const USABLE: &str = "
SELECT count(child) = 4 AND COALESCE(bool_and(has_table_privilege(child, right_to)), false)
FROM (VALUES ('journal_', 'SELECT'), ('journal_', 'INSERT'), ('runs_', 'SELECT'), ('runs_', 'UPDATE'))
     AS needed(parent, right_to),
     to_regclass('mainstay.' || parent || mainstay.week_name($1)) child";

/// Weeks in which no run began leave partitions that nothing else would drop. The last weeks stay: a
/// run may still begin with an id of theirs.
const EMPTY: &str = "
SELECT w FROM generate_series($1::bigint - 520, $1::bigint - 3) w
WHERE to_regclass('mainstay.journal_' || mainstay.week_name(w)) IS NOT NULL
  AND NOT EXISTS (SELECT FROM mainstay.journal WHERE run_id >= mainstay.week_start(w)
                                                 AND run_id < mainstay.week_start(w + 1))
  AND NOT EXISTS (SELECT FROM mainstay.runs WHERE run_id >= mainstay.week_start(w)
                                              AND run_id < mainstay.week_start(w + 1))";

async fn drop_empty(sql: &mut PgConnection, this: Week) -> Result<(), Failed> {
    let empty = sqlx::query_scalar(EMPTY).bind(this.number()).fetch_all(&mut *sql).await?;
    for week in empty {
        let week: i64 = week;
        // One that others are at work on is left for the next time.
        sqlx::query("SELECT mainstay.drop_week($1)").bind(week).execute(&mut *sql).await?;
    }
    Ok(())
}

async fn this_week(sql: &mut PgConnection, simulated: Option<i64>) -> Result<Week, Failed> {
    let now = sqlx::query_scalar("SELECT mainstay.clock($1)").bind(simulated);
    Ok(now.fetch_one(sql).await.map(|now| Week::at(Timestamp::from_micros(now)))?)
}
