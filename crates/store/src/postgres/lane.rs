//! Connections at work: each belongs to one task that takes jobs from a queue.
//!
//! # Why not a pool
//!
//! A pool hands a connection to a caller, who may be dropped in the middle of a transaction, and
//! every caller commits alone. A task finishes what it began, and whatever came while it committed
//! goes into the next commit together.

use std::{collections::HashSet, sync::Arc, time::Duration};

use mainstay_core::{
    id::RunId,
    store::{
        StoreError,
        operation::{Append, Appended, ClaimRequest, ClaimedRun, Operation, Reply},
    },
};
use tokio::sync::oneshot;

use super::{
    append, claim, connect::Link, failure::Failed, perform::perform, queue::Queue, shared::Shared,
};

/// At most this many parts in one commit.
const PARTS: usize = 256;
/// What the server did not do, for no fault of ours, is tried again this often.
const TRIES: u32 = 8;
/// A claim whose answer was lost is looked for this often; the pauses between two looks grow to a
/// second, so the session is over before the looks are.
const LOOKS: u32 = 20;

/// A statement for more than a step costs as much as the rows of three to five, whatever it holds.
/// While several runs bring such parts, it waits for so many of them, but not longer than this.
const GATHERED: usize = 8;
const LONGEST_GATHERING: Duration = Duration::from_millis(2);

/// One operation, and who waits for it.
pub(super) struct Job {
    operation: Operation,
    answer: oneshot::Sender<Result<Reply, StoreError>>,
}

/// Parts of one caller, and who waits for them.
pub(super) struct AppendJob {
    parts: Vec<Append>,
    answer: oneshot::Sender<Result<Vec<Appended>, StoreError>>,
}

/// Puts an operation into a queue and waits for its reply.
pub(super) async fn ask(queue: &Queue<Job>, operation: Operation) -> Result<Reply, StoreError> {
    let (answer, reply) = oneshot::channel();
    queue.push(Job { operation, answer }).map_err(|_| closed())?;
    reply.await.map_err(|_| closed())?
}

/// Puts parts into the queue of commits and waits for their answers.
pub(super) async fn ask_append(
    queue: &Queue<AppendJob>,
    parts: Vec<Append>,
) -> Result<Vec<Appended>, StoreError> {
    let (answer, reply) = oneshot::channel();
    queue.push(AppendJob { parts, answer }).map_err(|_| closed())?;
    reply.await.map_err(|_| closed())?
}

fn closed() -> StoreError {
    StoreError::Unreachable("the store was closed".to_owned())
}

/// Does one operation after the other until the queue is closed, which it is by itself when nothing
/// was asked for so long: a session that was lost says no goodbye.
pub(super) async fn serve(
    queue: Arc<Queue<Job>>,
    mut link: Link,
    shared: Arc<Shared>,
    quiet: Option<Duration>,
) {
    loop {
        let next = queue.next(one);
        let batch = match quiet {
            None => next.await,
            Some(quiet) => match tokio::time::timeout(quiet, next).await {
                Ok(batch) => batch,
                Err(_) => {
                    // What came in this instant is still done.
                    queue.close();
                    continue;
                }
            },
        };
        if batch.is_empty() {
            return link.close().await;
        }
        for job in batch {
            let reply = answer(&mut link, &shared, &job.operation).await;
            // The caller may have gone; the operation is done all the same.
            let _ = job.answer.send(reply);
        }
    }
}

async fn answer(
    link: &mut Link,
    shared: &Shared,
    operation: &Operation,
) -> Result<Reply, StoreError> {
    let was_open = link.is_open();
    let mut again = was_open && is_read(operation);
    for _ in 0..TRIES {
        let failed = match within(shared.patience, perform(link, shared, operation)).await {
            Ok(reply) => return Ok(reply),
            Err(failed) => failed,
        };
        link.mind(&failed);
        if let (Failed::Lost(_), Operation::Claim(request)) = (&failed, operation)
            && was_open
            && let Some(claimed) = recover(link, shared, request).await
        {
            return Ok(Reply::Claim(claimed));
        }
        let old_connection = matches!(failed, Failed::Lost(_)) && again;
        again = false;
        if !old_connection && !matches!(failed, Failed::Victim(_) | Failed::Outdated(_)) {
            return Err(explain(link, failed, run_of(operation)).await);
        }
    }
    Err(Failed::Victim("the server kept turning this transaction down".to_owned()).told(None))
}

/// Looks for a claim whose answer was lost, for as long as a session's lease may last; `None` if
/// nothing of it is found.
async fn recover(
    link: &mut Link,
    shared: &Shared,
    request: &ClaimRequest,
) -> Option<Vec<ClaimedRun>> {
    for _ in 0..LOOKS {
        let look = async { claim::recover(link.ready().await?, shared, request).await };
        match within(shared.patience, look).await {
            Ok(claimed) => return (!claimed.is_empty()).then_some(claimed),
            Err(failed) => link.mind(&failed),
        }
    }
    None
}

/// Commits one batch of steps after the other until the queue is closed. Several connections do so:
/// one computes while another waits for its disk.
pub(super) async fn serve_steps(queue: Arc<Queue<AppendJob>>, mut link: Link, shared: Arc<Shared>) {
    loop {
        let (jobs, at_work) = queue.next_beside(one_commit).await;
        if jobs.is_empty() {
            return link.close().await;
        }
        commit(&mut link, &shared, jobs).await;
        drop(at_work);
    }
}

/// Commits what is more than a step until the queue is closed.
pub(super) async fn serve_appends(
    queue: Arc<Queue<AppendJob>>,
    mut link: Link,
    shared: Arc<Shared>,
) {
    let mut last = 0;
    loop {
        // One run alone never waits for others: its next part comes after the answer to this one.
        if last > 1 {
            queue.gather(GATHERED, LONGEST_GATHERING).await;
        }
        let jobs = queue.next(one_commit).await;
        if jobs.is_empty() {
            return link.close().await;
        }
        last = jobs.len();
        commit(&mut link, &shared, jobs).await;
    }
}

async fn commit(link: &mut Link, shared: &Shared, jobs: Vec<AppendJob>) {
    let parts: Vec<&Append> = jobs.iter().flat_map(|job| &job.parts).collect();
    let appended = match within(shared.patience, append::append(link, shared, &parts)).await {
        Ok(appended) => Ok(appended),
        Err(failed) => {
            link.mind(&failed);
            Err(explain(link, failed, None).await)
        }
    };
    hand_out(jobs, appended);
}

fn hand_out(jobs: Vec<AppendJob>, appended: Result<Vec<Appended>, StoreError>) {
    let mut appended = appended.map(Vec::into_iter);
    for job in jobs {
        let answer = match &mut appended {
            Ok(all) => Ok(all.take(job.parts.len()).collect()),
            Err(error) => Err(error.clone()),
        };
        let _ = job.answer.send(answer);
    }
}

/// Picks the first job.
fn one() -> impl FnMut(&Job) -> bool {
    let mut free = true;
    move |_| std::mem::take(&mut free)
}

/// Picks the jobs of one commit. A run stands at most once in it: its second part would not see its
/// first.
fn one_commit() -> impl FnMut(&AppendJob) -> bool {
    let mut taken: HashSet<RunId> = HashSet::new();
    move |job| {
        let parts = &job.parts;
        let fits = taken.is_empty() || taken.len() + parts.len() <= PARTS;
        let picked = fits && parts.iter().all(|part| !taken.contains(&part.run_id));
        if picked {
            taken.extend(parts.iter().map(|part| part.run_id));
        }
        picked
    }
}

async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    match tokio::time::timeout(patience, work).await {
        Ok(done) => done,
        Err(_) => Err(Failed::Lost(format!("no answer within {patience:?}"))),
    }
}

/// Says what is wrong; missing tables call for a look at the schema's version.
async fn explain(link: &mut Link, failed: Failed, run_id: Option<RunId>) -> StoreError {
    match failed {
        Failed::NoSchema => missing_schema(link).await,
        failed @ (Failed::Lost(_)
        | Failed::Victim(_)
        | Failed::Outdated(_)
        | Failed::Refused(_)
        | Failed::Answer(_)) => failed.told(run_id),
    }
}

async fn missing_schema(link: &mut Link) -> StoreError {
    match link.ready().await {
        Err(failed) => failed.told(None),
        Ok(_) => {
            StoreError::Corrupt("the schema has the right version and lacks a table".to_owned())
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only these carry one run's values")]
const fn run_of(operation: &Operation) -> Option<RunId> {
    match operation {
        Operation::CreateRun(new) => Some(new.run_id),
        Operation::Deliver(delivery) => Some(delivery.run_id),
        _ => None,
    }
}

const fn is_read(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Facts(())
            | Operation::Flows(())
            | Operation::Sessions(())
            | Operation::Run(_)
            | Operation::Journal(_)
            | Operation::Payloads(_)
            | Operation::Inbox(_)
            | Operation::Outbox(_)
            | Operation::Reviews(_)
            | Operation::ListRuns(_)
            | Operation::Unexplained(())
            | Operation::Weeks(_)
            | Operation::WeekRuns(_)
            | Operation::Accounts(_)
    )
}
