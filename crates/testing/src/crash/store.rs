//! The border between a process and its store.

use std::sync::Arc;

use async_trait::async_trait;
use mainstay_core::store::{
    Store, StoreError,
    operation::{Beat, FiredTimers, Operation, Reply},
};

use super::{
    fuse::{Manner, Passing},
    process::{Process, Upsets},
};

/// A store as one process sees it.
pub(crate) struct WatchedStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) process: Arc<Process>,
}

/// Returns in which manner an operation is a crash point, if it is one.
///
/// Everything that changes a run is one, and every read by which a run is driven. Rounds of polling
/// count when they did something: how often nothing is found depends on the machine. A beat depends
/// on the clock alone; losing one is losing the lease, which every death here is followed by.
///
/// A claim that is delivered twice would give more runs to a session than it knows of: no driver
/// sends one again, and no store is asked to bear it.
const fn manner(operation: &Operation) -> Option<Manner> {
    let (known, repeatable) = match operation {
        Operation::RegisterFlow(_)
        | Operation::OpenSession(_)
        | Operation::CloseSession(_)
        | Operation::Revoke(_)
        | Operation::TakeOver(_)
        | Operation::CreateRun(_)
        | Operation::Append(_)
        | Operation::Journal(_)
        | Operation::Payloads(_)
        | Operation::Inbox(_)
        | Operation::Deliver(_)
        | Operation::OutboxDone(_)
        | Operation::LendPayloads(_)
        | Operation::Rehome(_)
        | Operation::DropWeek(_)
        | Operation::LeaseChunk(_)
        | Operation::ReportChunk(_)
        | Operation::Decide(_) => (true, true),
        Operation::Claim(_) | Operation::FireTimers(_) | Operation::Outbox(_) => (false, false),
        Operation::Migrate(())
        | Operation::Facts(())
        | Operation::Flows(())
        | Operation::Beat(_)
        | Operation::Sessions(())
        | Operation::Run(_)
        | Operation::Reviews(_)
        | Operation::RefreshIndex(_)
        | Operation::RebuildIndex(())
        | Operation::ListRuns(_)
        | Operation::Unexplained(())
        | Operation::Hold(_)
        | Operation::MakeWeeks(())
        | Operation::Weeks(_)
        | Operation::WeekRuns(_)
        | Operation::Accounts(_) => return None,
    };
    Some(Manner { known, repeatable, bears: false })
}

fn did_something(reply: &Reply) -> bool {
    match reply {
        Reply::Claim(runs) => !runs.is_empty(),
        Reply::FireTimers(fired) => fired.fired > 0,
        Reply::Outbox(rows) => !rows.is_empty(),
        _ => true,
    }
}

/// What a round of polling finds that a lost hint kept from finding anything.
fn nothing(operation: &Operation) -> Option<Reply> {
    match operation {
        Operation::Claim(_) => Some(Reply::Claim(Vec::new())),
        Operation::FireTimers(_) => {
            Some(Reply::FireTimers(FiredTimers { fired: 0, next_in: None }))
        }
        Operation::Outbox(_) => Some(Reply::Outbox(Vec::new())),
        _ => None,
    }
}

/// A beat that names no run whose inbox moved.
fn unheard(reply: Reply) -> Reply {
    match reply {
        Reply::Beat(Beat::Alive { now, .. }) => Reply::Beat(Beat::Alive { now, moved: Vec::new() }),
        other => other,
    }
}

fn lost() -> StoreError {
    StoreError::Unreachable("the answer was lost".to_owned())
}

fn upsets() -> Upsets<StoreError> {
    let refused = StoreError::Unreachable("the request was lost".to_owned());
    Upsets { lost: lost(), refused }
}

impl WatchedStore {
    async fn known(&self, operation: Operation, manner: Manner) -> Result<Reply, StoreError> {
        let session = match &operation {
            Operation::OpenSession(open) => Some(open.session),
            _ => None,
        };
        let (name, operation) = (operation.name(), &operation);
        let call = || async move {
            let answer = self.inner.execute(operation.clone()).await;
            session.into_iter().for_each(|session| self.process.opened(session));
            answer
        };
        self.process.cross((name, manner), call, upsets()).await
    }

    /// A round of polling: whether it was a point, its answer tells.
    async fn told(&self, operation: Operation, manner: Manner) -> Result<Reply, StoreError> {
        let mut passing = self.process.fuse.linger();
        self.process.send(&passing).await;
        if let Some(nothing) = nothing(&operation).filter(|_| self.process.is_deaf()) {
            return Ok(nothing);
        }
        let name = operation.name();
        let answer = self.inner.execute(operation).await;
        if answer.as_ref().is_ok_and(did_something) {
            passing = self.process.fuse.pass(name, manner);
            self.process.send(&Passing { request: std::time::Duration::ZERO, ..passing }).await;
        }
        self.process.answer(&passing, answer, lost()).await
    }

    async fn plain(&self, operation: Operation) -> Result<Reply, StoreError> {
        let passing = self.process.fuse.linger();
        self.process.send(&passing).await;
        let answer = self.inner.execute(operation).await;
        let answer = if self.process.is_deaf() { answer.map(unheard) } else { answer };
        self.process.answer(&passing, answer, lost()).await
    }
}

#[async_trait]
impl Store for WatchedStore {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        self.process.breathe().await;
        match manner(&operation) {
            Some(manner) if manner.known => self.known(operation, manner).await,
            Some(manner) => self.told(operation, manner).await,
            None => self.plain(operation).await,
        }
    }
}
