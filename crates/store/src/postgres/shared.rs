//! What all connections of one store know.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mainstay_core::{flow::FlowVersion, id::RunId, time::Timestamp};
use sqlx::{PgConnection, Row};

use super::{
    failure::Failed,
    front::{Front, Look},
    home::Home,
    week::Weeks,
};
use crate::{clock::StoreClock, wire};

/// Where the queue begins, by lane and priority.
pub(super) type ReadyFront = Front<(i32, i16)>;

/// Caches of what never changes, and the store's clock.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) clock: StoreClock,
    pub(super) patience: Duration,
    pub(super) weeks: Weeks,
    /// Where the queue of each lane and priority begins, for each set of lanes that is claimed from:
    /// who looks at all of one has not looked at another.
    ready: Mutex<HashMap<Vec<i32>, Arc<ReadyFront>>>,
    /// Where the notes for the searchable list begin.
    pub(super) changes: Front<()>,
    /// Where the messages to others begin.
    pub(super) outbox: Front<()>,
    commits: AtomicU64,
    lanes: Mutex<HashMap<FlowVersion, i32>>,
    shaky: Mutex<HashSet<RunId>>,
    /// The words of statements that commit steps, by where to and for how many.
    texts: Mutex<HashMap<(Home, usize), Arc<str>>>,
}

impl Shared {
    /// Makes empty caches.
    pub(super) fn new(clock: StoreClock, patience: Duration) -> Self {
        Self { clock, patience, ..Self::default() }
    }

    /// Counts a commit that carried parts of journals.
    pub(super) fn note_commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many there were.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Returns the simulated time as statements take it; `None` for the server's clock.
    pub(super) fn simulated(&self) -> Option<i64> {
        self.clock.simulated_now().map(Timestamp::micros)
    }

    /// Returns where the queue of these lanes begins, which ascend.
    pub(super) fn ready_of(&self, lanes: &[i32]) -> Arc<ReadyFront> {
        let mut ready = lock(&self.ready);
        if let Some(front) = ready.get(lanes) {
            return Arc::clone(front);
        }
        Arc::clone(ready.entry(lanes.to_vec()).or_default())
    }

    /// Returns whether the whole of a queue is to be looked at: under a simulated clock always.
    pub(super) fn is_due<K: Ord + Copy>(&self, front: &Front<K>) -> bool {
        self.simulated().is_some() || front.is_due()
    }

    /// Begins a look at one of the queues that have one order for all.
    pub(super) fn look<'a>(&self, front: &'a Front<()>) -> Look<'a> {
        front.look(self.is_due(front))
    }

    /// Remembers whether a run has crashed, as a claim or a takeover of ours saw it: only then does
    /// its progress change its row.
    pub(super) fn note_crashes(&self, run_id: RunId, crashes: u32) {
        let mut shaky = lock(&self.shaky);
        if crashes > 0 {
            shaky.insert(run_id)
        } else {
            shaky.remove(&run_id)
        };
    }

    /// Returns whether a run has crashed and made no progress since.
    pub(super) fn is_shaky(&self, run_id: RunId) -> bool {
        lock(&self.shaky).contains(&run_id)
    }

    /// Returns the words of the statement that commits so many steps, if there was one before.
    pub(super) fn text_of_steps(&self, which: (Home, usize)) -> Option<Arc<str>> {
        lock(&self.texts).get(&which).cloned()
    }

    /// Keeps the words of such a statement.
    pub(super) fn keep_text_of_steps(&self, which: (Home, usize), text: &str) {
        lock(&self.texts).insert(which, text.into());
    }

    /// Returns the number of a flow version's lane; lanes are never removed.
    pub(super) async fn lane(
        &self,
        sql: &mut PgConnection,
        flow: &FlowVersion,
    ) -> Result<i32, Failed> {
        if let Some(lane) = lock(&self.lanes).get(flow) {
            return Ok(*lane);
        }
        let lane = find_or_add_lane(sql, flow).await?;
        lock(&self.lanes).insert(flow.clone(), lane);
        Ok(lane)
    }
}

async fn find_or_add_lane(sql: &mut PgConnection, flow: &FlowVersion) -> Result<i32, Failed> {
    let find =
        "SELECT lane FROM mainstay.lanes WHERE flow = $1 AND version = $2 AND definition = $3";
    let add = "INSERT INTO mainstay.lanes (flow, version, definition) VALUES ($1, $2, $3)
               ON CONFLICT DO NOTHING";
    for statement in [find, add, find] {
        let row = sqlx::query(statement)
            .bind(&flow.name)
            .bind(i64::from(flow.version))
            .bind(flow.definition.as_bytes().as_slice())
            .fetch_optional(&mut *sql)
            .await?;
        if let Some(row) = row {
            return Ok(row.try_get(0)?);
        }
    }
    Err(Failed::Victim("a lane came and went".to_owned()))
}

/// Reads a lane's flow version back from columns `flow`, `version`, `definition`.
pub(super) fn flow_version(row: &sqlx::postgres::PgRow) -> Result<FlowVersion, Failed> {
    Ok(FlowVersion {
        name: row.try_get("flow")?,
        version: wire::small(row.try_get("version")?)?,
        definition: wire::digest(row.try_get("definition")?)?,
    })
}

/// Takes a lock that nothing can have left half-way.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
