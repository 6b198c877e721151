//! The border between a process and its store.

use std::sync::Arc;

use async_trait::async_trait;
use mainstay_core::store::{
    Store, StoreError,
    operation::{Operation, Reply},
};

use super::process::{Process, Timing};

/// A store as one process sees it.
pub(crate) struct WatchedStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) process: Arc<Process>,
}

/// Returns whether an operation is a crash point, and when that is known.
///
/// Everything that changes a run is one, and every read by which a run is driven. Rounds of polling
/// count when they did something: how often nothing is found depends on the machine. A beat depends
/// on the clock alone; losing one is losing the lease, which every death here is followed by.
const fn timing(operation: &Operation) -> Option<Timing> {
    match operation {
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
        | Operation::Decide(_) => Some(Timing::Known),
        Operation::Claim(_) | Operation::FireTimers(_) | Operation::Outbox(_) => Some(Timing::Told),
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
        | Operation::WeekRuns(_) => None,
    }
}

fn did_something(reply: &Reply) -> bool {
    match reply {
        Reply::Claim(runs) => !runs.is_empty(),
        Reply::FireTimers(fired) => fired.fired > 0,
        Reply::Outbox(rows) => !rows.is_empty(),
        _ => true,
    }
}

fn lost() -> StoreError {
    StoreError::Unreachable("the answer was lost".to_owned())
}

#[async_trait]
impl Store for WatchedStore {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        let name = operation.name();
        let session = match &operation {
            Operation::OpenSession(open) => Some(open.session),
            _ => None,
        };
        match timing(&operation) {
            Some(Timing::Known) => {
                let call = async {
                    let answer = self.inner.execute(operation).await;
                    session.into_iter().for_each(|session| self.process.opened(session));
                    answer
                };
                self.process.cross(name, call, lost).await
            }
            Some(Timing::Told) => {
                self.process.breathe().await;
                let answer = self.inner.execute(operation).await;
                let told = answer.as_ref().is_ok_and(did_something);
                let variant = told.then(|| self.process.fuse.pass(name, Timing::Told)).flatten();
                self.process.answer(variant, answer, lost).await
            }
            None => {
                self.process.breathe().await;
                let answer = self.inner.execute(operation).await;
                self.process.breathe().await;
                answer
            }
        }
    }
}
