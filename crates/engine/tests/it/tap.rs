//! A store that tells a test what it is asked, and waits for it before it answers.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use mainstay_core::{
    id::RunId,
    store::{
        Store, StoreError,
        operation::{Operation, Reply, RowChange},
    },
};

type Before = Box<dyn Fn(&Operation) -> Option<BoxFuture<'static, ()>> + Send + Sync>;

/// Asks `before` first, and goes on when what it returned is over.
pub(crate) struct Tap {
    inner: Arc<dyn Store>,
    before: Before,
}

impl Tap {
    pub(crate) fn new(
        inner: Arc<dyn Store>,
        before: impl Fn(&Operation) -> Option<BoxFuture<'static, ()>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { inner, before: Box::new(before) })
    }
}

#[async_trait]
impl Store for Tap {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        if let Some(wait) = (self.before)(&operation) {
            wait.await;
        }
        self.inner.execute(operation).await
    }
}

/// Returns the run that an operation would end.
pub(crate) fn ends(operation: &Operation) -> Option<RunId> {
    let Operation::Append(parts) = operation else { return None };
    let end = parts.iter().find(|part| matches!(part.change, RowChange::Finish { .. }));
    end.map(|part| part.run_id)
}

/// Returns whether an operation would park a run.
pub(crate) fn parks(operation: &Operation) -> bool {
    let Operation::Append(parts) = operation else { return false };
    parts.iter().any(|part| matches!(part.change, RowChange::Park { .. }))
}
