//! Planted faults: a harness that finds nothing in these would find nothing at all.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use mainstay_core::{
    journal::{Head, JournalRow},
    store::{
        Store, StoreError,
        operation::{Append, Appended, JournalRequest, Operation, Reply},
    },
    tool::Tool,
};
use mainstay_testing::{
    crash::{Everywhere, Report},
    rig::{Setup, Stage},
    world::World,
};

use crate::sale;

pub(crate) fn says(report: &Report, word: &str) -> bool {
    let mut wrong = report.findings.iter().flat_map(|finding| &finding.wrong);
    wrong.any(|line| line.contains(word))
}

async fn forgetful_bank(stage: Stage) -> Setup {
    let world = World::default();
    let tools = sale::tools(&world)
        .into_iter()
        .map(|tool| if tool.spec().name == "charge" { tool.ignoring_keys() } else { tool });
    sale::setup_with(&stage, world.clone(), tools.collect(), "4711")
}

#[tokio::test]
async fn a_tool_that_ignores_its_key_is_found() {
    let report = Everywhere::new(forgetful_bank).run().await;
    assert!(says(&report, "I6: it did"), "{report}");
    let strikes: Vec<_> = report.findings.iter().map(|f| f.strikes.as_str()).collect();
    assert!(strikes.contains(&"tool:charge#1:after"), "{strikes:?}");
    assert!(strikes.contains(&"tool:charge#1:answer_lost"), "{strikes:?}");
}

/// A store without the fence: whatever is appended goes after whatever is there.
pub(crate) struct Unfenced(pub(crate) Arc<dyn Store>);

impl Unfenced {
    async fn moved(&self, part: Append) -> Result<Append, StoreError> {
        let request = JournalRequest { run_id: part.run_id, from: 1, limit: 10_000 };
        let there = self.0.journal(request).await?;
        let epoch = there.last().map_or(part.epoch, |row| row.epoch);
        let end = there.iter().fold(Head::EMPTY, |head, row| row.head(part.run_id, head));
        let (mut head, mut rows) = (end, Vec::new());
        for row in part.rows.iter() {
            let entry = row.entry().unwrap();
            let (at, payloads) = (row.at, row.payloads.clone());
            let row = JournalRow::after(head, part.run_id, epoch, at, &entry, payloads).unwrap();
            head = row.head(part.run_id, head);
            rows.push(row);
        }
        Ok(Append { epoch, head: end, rows: rows.into(), ..part })
    }
}

#[async_trait]
impl Store for Unfenced {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        let Operation::Append(parts) = operation else { return self.0.execute(operation).await };
        let mut moved = Vec::new();
        for part in parts {
            moved.push(self.moved(part).await?);
        }
        self.0.execute(Operation::Append(moved)).await
    }
}

#[tokio::test]
async fn a_store_without_the_fence_is_found() {
    let plan = Everywhere::new(sale::sold).with_store(|store| Arc::new(Unfenced(store)));
    let report = plan.run().await;
    assert!(!report.is_safe(), "{report}");
    let repeated = report.findings.iter().filter(|f| f.strikes.starts_with("append#"));
    assert!(repeated.count() > 5, "{report}");
}

/// A store that says yes and writes nothing, once: a commit that a failover lost.
struct Forgetful(Arc<dyn Store>, AtomicU32);

#[async_trait]
impl Store for Forgetful {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        if let Operation::Append(parts) = &operation
            && self.1.fetch_add(1, Ordering::Relaxed) == 2
        {
            return Ok(Reply::Append(vec![Appended::Accepted; parts.len()]));
        }
        self.0.execute(operation).await
    }
}

#[tokio::test]
async fn a_commit_that_a_failover_lost_leaves_no_gap_and_strands_nobody() {
    let plan = Everywhere::new(sale::sold).with_store(|store| Arc::new(Forgetful(store, 0.into())));
    let report = plan.only("claim#1:after").unwrap().run().await;
    // What the lost commit had set aside for its calls is lost with it, and that is noticed.
    let wrong: Vec<_> = report.findings.iter().flat_map(|finding| &finding.wrong).collect();
    assert!(wrong.iter().all(|line| line.starts_with("I5: ")), "{report}");
}
