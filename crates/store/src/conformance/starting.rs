//! Starting runs: once per key, once per id, whole or not at all.

use mainstay_core::{
    digest::Digest,
    run::RunStatus,
    store::{
        StoreError,
        operation::{CreatedRun, JournalRequest, NewRun},
    },
};

use super::{Verdict, World, equal, holds, joined, world::lane};

fn keyed(mut run: NewRun, key: &str, input: &[u8]) -> NewRun {
    run.key = Some((key.to_owned(), Digest::of(input)));
    run
}

pub(super) async fn a_new_run_is_queued_with_its_first_row(world: World) -> Verdict {
    let new = world.new_run()?;
    let run_id = world.start(new.clone()).await?;
    let row = world.row(run_id).await?;
    equal("status", row.status, RunStatus::Queued)?;
    equal("epoch", row.epoch, 0)?;
    equal("owner", row.owner, None)?;
    equal("tenant", row.tenant, "acme".to_owned())?;
    equal("flow", row.flow, lane("desk"))?;
    equal("priority", row.priority, 100)?;
    let journal = JournalRequest { run_id, from: 1, limit: 10 };
    equal("the journal", world.store.journal(journal).await?, vec![new.first])
}

pub(super) async fn a_start_counts_once_per_key(world: World) -> Verdict {
    let first = keyed(world.new_run()?, "order-1", b"input");
    let again = keyed(world.new_run()?, "order-1", b"input");
    let unused = again.run_id;
    let run_id = world.start(first).await?;
    let answer = world.store.create_run(Box::new(again)).await?;
    equal("the same key again", answer, CreatedRun::Exists(run_id))?;
    equal("no second run", world.store.run(unused).await?, None)
}

pub(super) async fn a_key_with_another_input_is_a_conflict(world: World) -> Verdict {
    let run_id = world.start(keyed(world.new_run()?, "order-1", b"input")).await?;
    let other = keyed(world.new_run()?, "order-1", b"other");
    let unused = other.run_id;
    let answer = world.store.create_run(Box::new(other)).await?;
    equal("another input", answer, CreatedRun::Conflict(run_id))?;
    equal("no second run", world.store.run(unused).await?, None)
}

pub(super) async fn a_start_counts_once_per_id(world: World) -> Verdict {
    let new = world.new_run()?;
    let run_id = world.start(new.clone()).await?;
    let answer = world.store.create_run(Box::new(new)).await?;
    equal("the same id again", answer, CreatedRun::Exists(run_id))?;
    let session = world.open().await?;
    let claimed = world.store.claim(world.wish(session, 5)).await?;
    equal("places in the queue", claimed.len(), 1)
}

pub(super) async fn one_key_in_two_tenants_starts_two_runs(world: World) -> Verdict {
    let ours = keyed(world.new_run_of(&lane("desk"), "acme")?, "order-1", b"input");
    let theirs = keyed(world.new_run_of(&lane("desk"), "globex")?, "order-1", b"other");
    let (ours, theirs) = (world.start(ours).await?, world.start(theirs).await?);
    holds("two runs", ours != theirs)?;
    equal("their tenant", world.row(theirs).await?.tenant, "globex".to_owned())
}

pub(super) async fn a_refused_start_leaves_nothing(world: World) -> Verdict {
    let good = keyed(world.new_run()?, "order-1", b"input");
    let mut bad = good.clone();
    bad.tags = "team=\0".to_owned();
    let refused = world.store.create_run(Box::new(bad)).await;
    let poison =
        matches!(refused, Err(StoreError::Poison { run_id: Some(id), .. }) if id == good.run_id);
    holds("a zero character is poison", poison)?;
    equal("no row", world.store.run(good.run_id).await?, None)?;
    world.start(good).await.map(drop)
}

pub(super) async fn of_racing_starts_with_one_key_one_wins(world: World) -> Verdict {
    let mut tasks = Vec::new();
    for _ in 0..24 {
        let (store, run) = (world.store.clone(), keyed(world.new_run()?, "order-1", b"input"));
        tasks
            .push(tokio::spawn(async move { (run.run_id, store.create_run(Box::new(run)).await) }));
    }
    let (mut winners, mut seen) = (Vec::new(), Vec::new());
    for task in tasks {
        let (run_id, answer) = joined(task).await?;
        match answer? {
            CreatedRun::Created => winners.push(run_id),
            CreatedRun::Exists(first) | CreatedRun::Conflict(first) => seen.push(first),
        }
    }
    equal("winners", winners.len(), 1)?;
    holds("all others are told the winner", seen.iter().all(|id| winners.contains(id)))
}

pub(super) async fn a_run_begins_with_its_created_entry(world: World) -> Verdict {
    let mut late = world.new_run()?;
    late.first.position = 2;
    let run_id = late.run_id;
    let refused = world.store.create_run(Box::new(late)).await;
    holds("a first row at 2", matches!(refused, Err(StoreError::Illegal(_))))?;
    equal("no row", world.store.run(run_id).await?, None)
}
