//! The doctor's check: does every unfinished run that is not running have a row that says why?

use mainstay_core::{
    id::RunId,
    wait::{Wait, WaitSet},
};
use sqlx::{Connection, PgConnection, Postgres, QueryBuilder, Row};

use super::{connect::finish, failure::Failed};
use crate::wire;

const SUSPECTS: &str = "
SELECT run_id, CASE status WHEN 'parked' THEN wait END AS wait FROM mainstay.runs r
WHERE status = 'parked'
   OR (status = 'queued' AND NOT EXISTS (SELECT FROM mainstay.ready q WHERE q.run_id = r.run_id))
   OR (status = 'running' AND NOT EXISTS (
          SELECT FROM mainstay.claims c JOIN mainstay.workers w ON w.session_id = c.owner
          WHERE c.run_id = r.run_id AND c.owner = r.owner))
ORDER BY run_id";

/// Returns unfinished runs that nothing will ever move. All of it is read of one moment: what a run
/// waited for may happen while one looks.
pub(super) async fn unexplained(sql: &mut PgConnection) -> Result<Vec<RunId>, Failed> {
    let mut moment = sql.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let found = unexplained_now(&mut moment).await;
    finish(moment, found.is_ok()).await?;
    found
}

async fn unexplained_now(sql: &mut PgConnection) -> Result<Vec<RunId>, Failed> {
    let mut unexplained = Vec::new();
    for row in sqlx::query(SUSPECTS).fetch_all(&mut *sql).await? {
        let run_id = RunId::from_uuid(row.try_get("run_id")?);
        let wait: Option<&str> = row.try_get("wait")?;
        let wait: Option<WaitSet> = wait.map(wire::read_json).transpose()?;
        let explained = match wait {
            Some(set) => set.is_explained_by(sources(sql, run_id, &set.waits).await?),
            None => false,
        };
        if !explained {
            unexplained.push(run_id);
        }
    }
    Ok(unexplained)
}

/// Returns how many of the waits have something that will end them.
async fn sources(sql: &mut PgConnection, run_id: RunId, waits: &[Wait]) -> Result<usize, Failed> {
    let mut found = 0;
    for wait in waits {
        found += usize::from(match source(run_id, wait) {
            Some(mut source) => source.build().fetch_optional(&mut *sql).await?.is_some(),
            None => true,
        });
    }
    Ok(found)
}

/// Returns the statement that finds what will end the wait; `None` if that is a person, a signal
/// or another program. A wait that ends at a time has a timer of that time.
fn source(run_id: RunId, wait: &Wait) -> Option<QueryBuilder<Postgres>> {
    let mut sql = QueryBuilder::new("SELECT 1 FROM mainstay.");
    if let Some(at) = wait.ends_at() {
        sql.push("timers WHERE run_id = ").push_bind(run_id.uuid());
        sql.push(" AND due_at = ").push_bind(at.micros()).push(" LIMIT 1");
        return Some(sql);
    }
    match wait {
        Wait::Review { review_id, .. } => {
            sql.push("reviews WHERE open AND review_id = ").push_bind(review_id.uuid());
        }
        Wait::Child { run_id: child } => {
            sql = QueryBuilder::new("WITH child AS (SELECT coalesce(");
            sql.push("(SELECT home FROM mainstay.run_alias WHERE run_id = ")
                .push_bind(child.uuid());
            sql.push("), ").push_bind(child.uuid()).push(
                ") AS home)
                 SELECT 1 FROM mainstay.runs JOIN child ON run_id = home
                 WHERE status IN ('queued', 'running', 'parked')
                 UNION ALL SELECT 1 FROM mainstay.outbox, child WHERE run_id IN (home, ",
            );
            sql.push_bind(child.uuid()).push(", ").push_bind(run_id.uuid()).push(") LIMIT 1");
        }
        Wait::Timer { .. }
        | Wait::Retry { .. }
        | Wait::Signal { .. }
        | Wait::Budget { .. }
        | Wait::WorkerVersion { .. }
        | Wait::Divergence(_)
        | Wait::Quarantine { .. } => return None,
    }
    Some(sql)
}
