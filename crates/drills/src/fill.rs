//! A journal of any size: copies of a few runs that really ran.
//!
//! The copies lie in the same week as what runs afterwards, so both share tables and indexes, and
//! their ids are older, as those of past runs are. Nobody reads them: their links are those of the
//! runs that they were copied from.

use mainstay_core::{
    id::RunId,
    port::{Clock, Entropy},
    time::Timestamp,
    week::Week,
};
use mainstay_engine::system::{OsEntropy, SystemClock};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::{Fault, chain::STEPS, place::Place};

/// Rows of a run of the chain: created, claimed, a row a step, finished.
pub const ROWS: usize = STEPS as usize + 3;

/// Runs copied in one transaction.
const BATCH: usize = 1_000;

/// Fills the journal with copies of these runs, up to so many rows. Returns how many it then has.
///
/// # Errors
/// The database does not answer.
pub async fn fill(place: &Place, templates: &[RunId], rows: usize) -> Result<i64, Fault> {
    let copies = (rows / ROWS).saturating_sub(templates.len());
    let ids = ids(copies);
    let mut target = Target::open(place).await?;
    for (batch, template) in ids.chunks(BATCH).zip(templates.iter().cycle()) {
        target.copy(*template, batch).await?;
    }
    target.settle().await
}

/// Returns so many ids, evenly from the beginning of this week until now.
fn ids(count: usize) -> Vec<RunId> {
    let now = SystemClock.now();
    let (from, count) = (Week::at(now).start().micros(), i64::try_from(count).unwrap_or(i64::MAX));
    let step = (now.micros() - from) / count.max(1);
    let id = |n: i64| {
        let mut random = [0; 10];
        random.iter_mut().zip(OsEntropy.draw()).for_each(|(to, drawn)| *to = drawn);
        RunId::new(Timestamp::from_micros(from + n * step), random)
    };
    let mut ids: Vec<_> = (0..count).map(id).collect();
    ids.sort_unstable();
    ids
}

enum Target {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Target {
    async fn open(place: &Place) -> Result<Self, Fault> {
        Ok(match place.url().strip_prefix("sqlite://") {
            Some(_) => Self::Sqlite(SqliteConnection::connect(place.url()).await?),
            None => Self::Postgres(PgConnection::connect(place.url()).await?),
        })
    }

    async fn copy(&mut self, template: RunId, ids: &[RunId]) -> Result<(), Fault> {
        match self {
            Self::Postgres(sql) => {
                let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
                let mut whole = sql.begin().await?;
                for statement in POSTGRES {
                    let copy = sqlx::query(statement).bind(&ids).bind(template.uuid());
                    copy.execute(&mut *whole).await?;
                }
                whole.commit().await?;
            }
            Self::Sqlite(sql) => {
                let mut whole = sql.begin().await?;
                for (id, statement) in ids.iter().flat_map(|id| SQLITE.map(|copy| (id, copy))) {
                    let id = id.uuid().as_bytes().to_vec();
                    let copy = sqlx::query(statement).bind(id);
                    let copy = copy.bind(template.uuid().as_bytes().to_vec());
                    copy.execute(&mut *whole).await?;
                }
                whole.commit().await?;
            }
        }
        Ok(())
    }

    /// Leaves nothing of the filling to be done later, and counts.
    async fn settle(mut self) -> Result<i64, Fault> {
        match &mut self {
            Self::Postgres(sql) => {
                for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
                    sqlx::query(statement).execute(&mut *sql).await?;
                }
                let count = "SELECT count(*) FROM mainstay.journal";
                Ok(sqlx::query_scalar(count).fetch_one(sql).await?)
            }
            Self::Sqlite(sql) => {
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *sql).await?;
                let count = "SELECT count(*) FROM mainstay_journal";
                Ok(sqlx::query_scalar(count).fetch_one(sql).await?)
            }
        }
    }
}

/// `$1` are new ids, `$2` is the run that is copied.
const POSTGRES: [&str; 3] = [
    "INSERT INTO mainstay.runs
         (run_id, owner, parent, epoch, inbox_head, inbox_read, checkpoint, created_at, lane,
          crashes, wake_after, status, priority, tenant, tags, wait)
     SELECT i.id, owner, parent, epoch, inbox_head, inbox_read, checkpoint, created_at, lane,
            crashes, wake_after, status, priority, tenant, tags, wait
     FROM mainstay.runs, unnest($1::uuid[]) AS i(id) WHERE run_id = $2 ORDER BY i.id",
    "INSERT INTO mainstay.journal
         (run_id, position, epoch, at, tenant, kind, prev, link, body, inline)
     SELECT i.id, position, epoch, at, tenant, kind, prev, link, body, inline
     FROM mainstay.journal, unnest($1::uuid[]) AS i(id) WHERE run_id = $2
     ORDER BY i.id, position",
    "INSERT INTO mainstay.run_index
         (run_id, parent, created_at, lane, status, tenant, tags, wait)
     SELECT i.id, parent, created_at, lane, status, tenant, tags, wait
     FROM mainstay.runs, unnest($1::uuid[]) AS i(id) WHERE run_id = $2 ORDER BY i.id",
];

/// The same for one id; a run has to begin queued.
const SQLITE: [&str; 4] = [
    "INSERT INTO mainstay_runs
         (run_id, tenant, lane, status, wait, wake_after, epoch, owner, inbox_head, inbox_read,
          checkpoint, crashes, parent, priority, tags, created_at)
     SELECT ?1, tenant, lane, 'queued', wait, wake_after, epoch, owner, inbox_head, inbox_read,
            checkpoint, crashes, parent, priority, tags, created_at
     FROM mainstay_runs WHERE run_id = ?2",
    "UPDATE mainstay_runs SET status = 'running' WHERE run_id = ?1 AND ?2 <> ?1",
    "UPDATE mainstay_runs SET status = 'completed' WHERE run_id = ?1 AND ?2 <> ?1",
    "INSERT INTO mainstay_journal
         (run_id, position, tenant, epoch, prev, link, kind, at, body, payloads)
     SELECT ?1, position, tenant, epoch, prev, link, kind, at, body, payloads
     FROM mainstay_journal WHERE run_id = ?2 ORDER BY position",
];
