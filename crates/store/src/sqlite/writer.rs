//! The one writer: it drains its queue into one physical transaction.
//!
//! # Why one
//!
//! SQLite has one writer at a time whatever one does; a queue in the process is fairer and faster
//! than a lock in the file. While one transaction is being flushed the next batch gathers, so the
//! more there is to write the more each flush carries. An answer is sent only after the commit.
//!
//! # What a failing operation costs
//!
//! A batch first runs without savepoints. If anything in it fails it is rolled back and run
//! again with each operation (and each part of an append) in a savepoint of its own, so that only
//! the failing one is lost. Failures are rare and savepoints are not free.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use mainstay_core::store::{
    StoreError,
    operation::{Append, Operation, Reply},
};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::{
    error::store_error,
    scope::{Isolation, Scope},
};
use crate::clock::StoreClock;

const QUEUE: usize = 1_024;
const BATCH: usize = 256;

type Answer = Result<Reply, StoreError>;

struct Job {
    operation: Operation,
    answer: oneshot::Sender<Answer>,
}

/// The way into the writer's queue. When the last one is dropped the writer ends.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the writer on `db`. The task ends by itself once nobody can send it anything.
    pub(super) fn start(
        db: SqliteConnection,
        clock: StoreClock,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(write(db, clock, queue, Arc::clone(&commits)));
        (Self { jobs, commits }, task)
    }

    /// Queues an operation and waits until it is committed or refused.
    pub(super) async fn execute(&self, operation: Operation) -> Answer {
        let gone = || StoreError::Unreachable("the writer has ended".to_owned());
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job { operation, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Returns how many commits carried parts of journals.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

async fn write(
    mut db: SqliteConnection,
    clock: StoreClock,
    mut queue: mpsc::Receiver<Job>,
    commits: Arc<AtomicU64>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let (operations, waiting): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|job| (job.operation, job.answer)).unzip();
        let answers = commit(&mut db, &clock, &operations).await;
        if answers.iter().any(|answer| matches!(answer, Ok(Reply::Append(_)))) {
            commits.fetch_add(1, Ordering::Relaxed);
        }
        for (answer, waiting) in answers.into_iter().zip(waiting) {
            // Whoever asked may have gone; what was committed stays.
            let _ = waiting.send(answer);
        }
    }
    if let Err(error) = db.close().await {
        tracing::warn!(%error, "closing the SQLite file");
    }
}

async fn commit(
    db: &mut SqliteConnection,
    clock: &StoreClock,
    operations: &[Operation],
) -> Vec<Answer> {
    let mut answers = transaction(db, clock, operations, Isolation::Shared).await;
    if answers.as_ref().is_ok_and(|answers| answers.iter().any(Result::is_err)) {
        answers = transaction(db, clock, operations, Isolation::Each).await;
    }
    answers.unwrap_or_else(|error| vec![Err(error); operations.len()])
}

/// Runs a batch. A shared transaction with a failure in it is rolled back.
async fn transaction(
    db: &mut SqliteConnection,
    clock: &StoreClock,
    operations: &[Operation],
    isolation: Isolation,
) -> Result<Vec<Answer>, StoreError> {
    statement(db, "BEGIN IMMEDIATE").await?;
    let mut scope = Scope { db, now: clock.now(), isolation };
    let mut answers = Vec::with_capacity(operations.len());
    for group in operations.chunk_by(both_append) {
        answers.extend(scope.group(group).await);
        if isolation == Isolation::Shared && answers.last().is_some_and(Result::is_err) {
            statement(scope.db, "ROLLBACK").await?;
            return Ok(answers);
        }
    }
    if let Err(error) = statement(scope.db, "COMMIT").await {
        // SQLite may have rolled back by itself; then this fails, and says nothing new.
        let _ = statement(scope.db, "ROLLBACK").await;
        return Err(error);
    }
    Ok(answers)
}

/// Appends that stand beside each other are judged and written together.
const fn both_append(one: &Operation, next: &Operation) -> bool {
    matches!((one, next), (Operation::Append(_), Operation::Append(_)))
}

impl Scope<'_> {
    async fn group(&mut self, operations: &[Operation]) -> Vec<Answer> {
        let appends: Vec<&[Append]> = operations.iter().filter_map(parts_of).collect();
        if self.isolation == Isolation::Shared && appends.len() == operations.len() {
            return self.append_group(&appends).await.unwrap_or_else(|error| vec![Err(error)]);
        }
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            answers.push(self.isolated(operation).await);
        }
        answers
    }

    async fn append_group(&mut self, appends: &[&[Append]]) -> Result<Vec<Answer>, StoreError> {
        let parts: Vec<&Append> = appends.iter().copied().flatten().collect();
        let mut answers = self.append_together(&parts).await?.into_iter();
        let of =
            |parts: &&[Append]| Ok(Reply::Append(answers.by_ref().take(parts.len()).collect()));
        Ok(appends.iter().map(of).collect())
    }

    async fn isolated(&mut self, operation: &Operation) -> Answer {
        if self.isolation == Isolation::Shared {
            return self.execute(operation).await;
        }
        self.savepoint("SAVEPOINT operation").await?;
        let answer = self.execute(operation).await;
        if answer.is_err() {
            self.savepoint("ROLLBACK TO operation").await?;
        }
        self.savepoint("RELEASE operation").await?;
        answer
    }

    /// Opens, rolls back or releases a savepoint.
    pub(super) async fn savepoint(&mut self, sql: &'static str) -> Result<(), StoreError> {
        statement(self.db, sql).await
    }
}

fn parts_of(operation: &Operation) -> Option<&[Append]> {
    if let Operation::Append(parts) = operation { Some(parts) } else { None }
}

async fn statement(db: &mut SqliteConnection, sql: &'static str) -> Result<(), StoreError> {
    sqlx::query(sql).execute(db).await.map(drop).map_err(store_error)
}
