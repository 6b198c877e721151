//! Does a store answer like the model, operation by operation, on sequences nobody thought of?
//!
//! A seed gives a sequence: workers that open sessions, claim, append, park, crash and are taken
//! over; people and clocks that deliver, decide and let time pass; and every so often somebody
//! who acts on what is no longer true. Each operation goes to the model and to the store, and the
//! replies must be equal; now and then everything that can be read is compared too.

mod generator;

use std::collections::BTreeSet;

use mainstay_core::{
    id::RunId,
    store::{
        Store, StoreError,
        operation::{
            Appended, Beat, CreatedRun, Decided, Delivered, InboxRequest, JournalRequest, Leased,
            Operation, Rehoming, Reply, Reported,
        },
        row::{IndexFilter, OutboxRow, ReviewFilter},
        week::DroppedWeek,
    },
};

use self::generator::Generator;
use super::{Failure, Subject, Verdict, World, equal};
use crate::model::{Model, Snapshot};

/// Operations between two comparisons of everything that can be read.
const SNAPSHOT_EVERY: usize = 500;

/// Operations on one store: a longer sequence finds no more, and its snapshots grow.
const SEQUENCE: usize = 2_500;

/// Compares `operations` operations in all, in sequences drawn from one seed after the other, each
/// on a fresh store. Returns how many were compared.
///
/// Replies are compared after each operation, everything that can be read after each five
/// hundred. When that differs the sequence is played again on another store, with everything
/// compared after each operation of the last five hundred, so that the failure names the one.
///
/// # Errors
/// They differ; the failure names seed and operation. Or some kind of operation never succeeded.
pub async fn compare_many<F: Future<Output = Subject>>(
    fresh: impl Fn() -> F,
    first_seed: u64,
    operations: usize,
) -> Result<usize, Failure> {
    let (mut done, mut way) = (0, Way::default());
    for seed in first_seed.. {
        if done >= operations {
            break;
        }
        if let Err(failure) = sequence(fresh().await, seed, SEQUENCE, SEQUENCE, &mut way).await {
            let closely = way.step.saturating_sub(SNAPSHOT_EVERY);
            let again = sequence(fresh().await, seed, way.step + 1, closely, &mut way).await;
            return Err(again.err().unwrap_or(failure));
        }
        done += SEQUENCE;
    }
    equal("operations that never succeeded", missing(&way.succeeded), vec![])?;
    Ok(done)
}

/// How far a sequence came, and what succeeded on the way.
#[derive(Default)]
struct Way {
    step: usize,
    succeeded: BTreeSet<&'static str>,
}

/// Applies `count` operations drawn from `seed` to a fresh store and to the model.
///
/// # Errors
/// They differ; the failure names seed and operation.
pub async fn compare(subject: Subject, seed: u64, count: usize) -> Verdict {
    sequence(subject, seed, count, count, &mut Way::default()).await
}

/// Plays one sequence; from operation `closely` on everything is compared after each.
async fn sequence(
    subject: Subject,
    seed: u64,
    count: usize,
    closely: usize,
    way: &mut Way,
) -> Verdict {
    let world = World::new(subject);
    let mut model = Model::default();
    let mut generator = Generator::new(seed);
    for step in 0..count {
        way.step = step;
        let operation = generator.next(&world)?;
        let want = model.apply(world.now(), &operation);
        let got = world.store.execute(operation.clone()).await;
        generator.learn(&operation, &want);
        if want.as_ref().is_ok_and(has_succeeded) {
            way.succeeded.insert(operation.name());
        }
        equal(
            &format!("seed {seed}, step {step}: {operation:?}"),
            comparable(got),
            comparable(want),
        )?;
        if step >= closely || step % SNAPSHOT_EVERY == 0 || step + 1 == count {
            let got = snapshot(&*world.store, generator.runs()).await?;
            let what = format!("seed {seed}, what can be read after step {step}: {operation:?}");
            equal(&what, got, in_order(model.snapshot()))?;
        }
    }
    Ok(())
}

/// Returns operations of which none succeeded, other than those with nothing to compare.
fn missing(succeeded: &BTreeSet<&'static str>) -> Vec<&'static str> {
    let all = Operation::NAMES.iter().copied();
    all.filter(|n| !["migrate", "facts"].contains(n) && !succeeded.contains(n)).collect()
}

/// Whether an answer says that something was done or found.
fn has_succeeded(reply: &Reply) -> bool {
    match reply {
        Reply::Beat(beat) => *beat != Beat::Lost,
        Reply::Revoke(end) => end.is_some(),
        Reply::TakeOver(count) | Reply::OutboxDone(count) | Reply::RefreshIndex(count) => {
            *count > 0
        }
        Reply::CreateRun(run) => *run == CreatedRun::Created,
        Reply::Claim(runs) => !runs.is_empty(),
        Reply::Append(parts) => parts.contains(&Appended::Accepted),
        Reply::Run(row) => row.is_some(),
        Reply::Journal(rows) => !rows.is_empty(),
        Reply::Payloads(found) => !found.is_empty(),
        Reply::Inbox(rows) => !rows.is_empty(),
        Reply::Deliver(delivered) => matches!(delivered, Delivered::Accepted { .. }),
        Reply::FireTimers(timers) => timers.fired > 0,
        Reply::Outbox(rows) => !rows.is_empty(),
        Reply::Reviews(rows) => !rows.is_empty(),
        Reply::Decide(decided) => matches!(decided, Decided::Counted(_)),
        Reply::ListRuns(rows) => !rows.is_empty(),
        Reply::Sessions(rows) => !rows.is_empty(),
        Reply::Flows(flows) => !flows.is_empty(),
        Reply::Hold(term) => term.is_some(),
        Reply::Weeks(weeks) => !weeks.is_empty(),
        Reply::WeekRuns(runs) => !runs.is_empty(),
        Reply::LendPayloads(count) => *count > 0,
        Reply::Rehome(rehoming) => *rehoming == Rehoming::Done,
        Reply::DropWeek(dropped) => *dropped == DroppedWeek::Gone,
        Reply::LeaseChunk(leased) => matches!(leased, Leased::Granted(_)),
        Reply::ReportChunk(reported) => *reported == Reported::Counted,
        Reply::Accounts(rows) => !rows.is_empty(),
        Reply::Migrate(_)
        | Reply::Facts(_)
        | Reply::RegisterFlow(_)
        | Reply::OpenSession(_)
        | Reply::CloseSession(_)
        | Reply::RebuildIndex(_)
        | Reply::MakeWeeks(_)
        | Reply::Unexplained(_) => true,
    }
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
