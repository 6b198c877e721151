//! Does a store answer like the model, operation by operation, on sequences nobody thought of?
//!
//! A seed gives a sequence: workers that open sessions, claim, append, park, crash and are taken
//! over; people and clocks that deliver, decide and let time pass; and every so often somebody
//! who acts on what is no longer true. Each operation goes to the model and to the store, and the
//! replies must be equal; now and then everything that can be read is compared too.

mod generator;

use mainstay_core::{
    id::RunId,
    store::{
        Store, StoreError,
        operation::{InboxRequest, JournalRequest, Operation, Reply},
        row::{IndexFilter, OutboxRow, ReviewFilter},
    },
};

use self::generator::Generator;
use super::{Failure, Subject, Verdict, World, equal};
use crate::model::{Model, Snapshot};

const SNAPSHOT_EVERY: usize = 100;

/// Applies `count` operations drawn from `seed` to a fresh store and to the model.
///
/// # Errors
/// They differ; the failure names seed and operation.
pub async fn compare(subject: Subject, seed: u64, count: usize) -> Verdict {
    let world = World::new(subject);
    let mut model = Model::default();
    let mut generator = Generator::new(seed);
    for step in 0..count {
        let operation = generator.next(&world)?;
        let want = model.apply(world.now(), &operation);
        let got = world.store.execute(operation.clone()).await;
        generator.learn(&operation, &want);
        equal(
            &format!("seed {seed}, step {step}: {operation:?}"),
            comparable(got),
            comparable(want),
        )?;
        if step % SNAPSHOT_EVERY == 0 || step + 1 == count {
            let got = snapshot(&*world.store, generator.runs()).await?;
            let what = format!("seed {seed}, what can be read after step {step}");
            equal(&what, got, in_order(model.snapshot()))?;
        }
    }
    equal("operations that were drawn", generator.missing(), vec![])
}

/// Errors are compared by kind (their texts are each store's own), messages to others by their
/// place (what is oldest across runs is nobody's promise).
fn comparable(reply: Result<Reply, StoreError>) -> Result<Reply, &'static str> {
    match reply {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all other replies are compared whole")]
        Ok(reply) => Ok(match reply {
            Reply::Outbox(rows) => Reply::Outbox(by_place(rows)),
            reply => reply,
        }),
        Err(error) => Err(match error {
            StoreError::Unreachable(_) => "unreachable",
            StoreError::Locked(_) => "locked",
            StoreError::Schema { .. } => "schema",
            StoreError::Corrupt(_) => "corrupt",
            StoreError::Poison { .. } => "poison",
            StoreError::Illegal(_) => "illegal",
            StoreError::Reply(_) => "reply",
        }),
    }
}

fn by_place(mut rows: Vec<OutboxRow>) -> Vec<OutboxRow> {
    rows.sort_by_key(|row| (row.run_id, row.position, row.n));
    rows
}

fn in_order(snapshot: Snapshot) -> Snapshot {
    Snapshot { outbox: by_place(snapshot.outbox), ..snapshot }
}

async fn snapshot(store: &(dyn Store + 'static), runs: &[RunId]) -> Result<Snapshot, Failure> {
    let mut ids = runs.to_vec();
    ids.sort_unstable();
    let mut snapshot = Snapshot {
        runs: Vec::new(),
        journals: Vec::new(),
        inboxes: Vec::new(),
        reviews: store.reviews(ReviewFilter::All(u32::MAX)).await?,
        outbox: by_place(store.outbox(u32::MAX).await?),
    };
    ids.dedup();
    for run_id in ids {
        let whole = JournalRequest { run_id, from: 1, limit: u32::MAX };
        let journal = store.journal(whole).await?;
        snapshot.journals.extend((!journal.is_empty()).then_some(journal));
        // An id that moved leads to a run that is looked at under its own.
        let row = store.run(run_id).await?.filter(|row| row.run_id == run_id);
        if row.is_some() {
            snapshot.inboxes.push(store.inbox(InboxRequest { run_id, after: 0 }).await?);
        }
        snapshot.runs.extend(row);
    }
    Ok(snapshot)
}

/// The list is brought up to date before it is read: how far it may lag is each store's own.
pub(super) fn listing(turn: u64) -> [Operation; 2] {
    let filter =
        IndexFilter { limit: 1 + u32::try_from(turn % 50).unwrap_or(0), ..Default::default() };
    [Operation::RefreshIndex(100_000), Operation::ListRuns(filter)]
}
