//! Without the comparison with the inbox on parking.

use std::sync::Arc;

use async_trait::async_trait;
use mainstay_core::store::{
    Store, StoreError,
    operation::{Append, Operation, Reply, RowChange},
};

use crate::shapes;

/// A store that parks a run whatever has come into its inbox meanwhile.
struct BlindPark(Arc<dyn Store>);

impl BlindPark {
    async fn blind(&self, mut part: Append) -> Result<Append, StoreError> {
        if let RowChange::Park { inbox_seen, .. } = &mut part.change {
            let row = self.0.run(part.run_id).await?;
            *inbox_seen = row.map_or(*inbox_seen, |row| row.inbox_head);
        }
        Ok(part)
    }
}

#[async_trait]
impl Store for BlindPark {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        let Operation::Append(parts) = operation else { return self.0.execute(operation).await };
        let mut blind = Vec::new();
        for part in parts {
            blind.push(self.blind(part).await?);
        }
        self.0.execute(Operation::Append(blind)).await
    }
}

#[tokio::test]
async fn without_the_comparison_on_parking_a_wake_up_is_lost() {
    let report = shapes::all().with_seeds(0..600);
    let report = report.with_store(|store| Arc::new(BlindPark(store))).run().await;
    let mut wrong = report.findings.iter().flat_map(|finding| &finding.wrong);
    assert!(wrong.any(|line| line.contains("came to no rest")), "{report}");
}
