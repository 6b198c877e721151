//! Claims: each queued run to one session, with everything it needs to go on.

use std::collections::BTreeSet;

use mainstay_core::{
    journal::{Entry, claim_link},
    payload::Payload,
    run::RunStatus,
    store::operation::{BeatRequest, ClaimRequest, Death, RowChange},
};

use super::{
    Owner, Verdict, World, absent, equal, holds, joined,
    owner::finished_step,
    world::{LEASE, lane},
};

pub(super) async fn a_claim_appends_its_row_and_hands_over_the_run(world: World) -> Verdict {
    let new = world.new_run()?;
    let run_id = world.start(new.clone()).await?;
    let session = world.open().await?;
    let wish = world.wish(session, 1);
    let nonce = *wish.nonces.first().ok_or_else(|| absent("a nonce"))?;
    let claimed = world.store.claim(wish).await?.pop().ok_or_else(|| absent("the run"))?;
    equal("the row that is handed over", &claimed.run, &world.row(run_id).await?)?;
    equal("status", claimed.run.status, RunStatus::Running)?;
    equal("owner", claimed.run.owner, Some(session))?;
    equal("epoch", claimed.run.epoch, 1)?;
    equal("nonce", claimed.nonce, nonce)?;
    equal("place", claimed.position, 2)?;
    let [first, last] = claimed.journal.as_slice() else { return Err(absent("two rows")) };
    equal("the first row", first, &new.first)?;
    equal("the claim's place", last.position, 2)?;
    equal("the claim's link is its nonce", last.link, claim_link(nonce))?;
    let hex = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
    equal("the claim's entry", last.entry(), Ok(Entry::Claimed { session, nonce: hex }))?;
    equal("nothing is left to claim", world.store.claim(world.wish(session, 9)).await?, vec![])
}

pub(super) async fn a_claim_takes_only_from_its_lanes(world: World) -> Verdict {
    let other = world.start(world.new_run_of(&lane("other"), "acme")?).await?;
    let session = world.open().await?;
    let mut changed = lane("other");
    changed.version = 2;
    let lanes = vec![lane("desk"), changed];
    let wish = ClaimRequest { lanes, ..world.wish(session, 5) };
    equal("another lane and another version", world.store.claim(wish).await?, vec![])?;
    let lanes = vec![lane("desk"), lane("other")];
    let wish = ClaimRequest { lanes, ..world.wish(session, 5) };
    let claimed = world.store.claim(wish).await?;
    equal("its lane", claimed.iter().map(|c| c.run.run_id).collect(), vec![other])
}

pub(super) async fn a_claim_may_name_its_run(world: World) -> Verdict {
    let other = world.start(world.new_run_of(&lane("other"), "acme")?).await?;
    let mut ours = Vec::new();
    for _ in 0..3 {
        ours.push(world.start(world.new_run()?).await?);
    }
    let [first, second, third] = ours.as_slice() else { return Err(absent("three runs")) };
    let session = world.open().await?;
    let named = |only| ClaimRequest { only: Some(only), ..world.wish(session, 5) };
    equal("of another lane", world.store.claim(named(other)).await?, vec![])?;
    let claimed = world.store.claim(named(*second)).await?;
    equal("the named one", claimed.iter().map(|c| c.run.run_id).collect(), vec![*second])?;
    equal("it is taken", world.store.claim(named(*second)).await?, vec![])?;
    let rest = world.store.claim(world.wish(session, 5)).await?;
    equal("the others", rest.iter().map(|c| c.run.run_id).collect(), vec![*first, *third])
}

pub(super) async fn urgent_runs_go_first_then_those_that_waited_longest(world: World) -> Verdict {
    let mut started = Vec::new();
    for priority in [100, 100, 5, 100, 5] {
        let mut run = world.new_run()?;
        run.priority = priority;
        started.push(world.start(run).await?);
    }
    let session = world.open().await?;
    let mut order = Vec::new();
    for _ in 0..started.len() {
        let run_id = world.claim(session).await?.run.run_id;
        order.push(started.iter().position(|id| *id == run_id).unwrap_or(usize::MAX));
    }
    equal("the order", order, vec![2, 4, 0, 1, 3])
}

pub(super) async fn a_claim_takes_no_more_than_its_nonces(world: World) -> Verdict {
    for _ in 0..5 {
        world.start(world.new_run()?).await?;
    }
    let session = world.open().await?;
    equal("none", world.store.claim(world.wish(session, 0)).await?.len(), 0)?;
    equal("three", world.store.claim(world.wish(session, 3)).await?.len(), 3)?;
    equal("the rest", world.store.claim(world.wish(session, 3)).await?.len(), 2)
}

pub(super) async fn racing_claims_never_share_a_run(world: World) -> Verdict {
    const RUNS: usize = 120;
    for _ in 0..RUNS {
        world.start(world.new_run()?).await?;
    }
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let session = world.open().await?;
        let wishes: Vec<_> = (0..10).map(|_| world.wish(session, 4)).collect();
        let store = world.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut got = Vec::new();
            for wish in wishes {
                got.extend(store.claim(wish).await?.into_iter().map(|c| c.run.run_id));
            }
            Ok::<_, mainstay_core::store::StoreError>(got)
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(joined(task).await??);
    }
    let distinct: BTreeSet<_> = all.iter().collect();
    equal("runs that two sessions got", all.len() - distinct.len(), 0)?;
    equal("runs that nobody got", RUNS - distinct.len(), 0)
}

pub(super) async fn a_session_that_may_not_drive_gets_nothing(world: World) -> Verdict {
    world.start(world.new_run()?).await?;
    let nothing = "no run for a session that is";
    let unknown = world.session_id();
    let got = world.store.claim(world.wish(unknown, 1)).await?;
    holds(&format!("{nothing} unknown"), got.is_empty())?;

    let revoked = world.open().await?;
    world.store.revoke(revoked).await?;
    let got = world.store.claim(world.wish(revoked, 1)).await?;
    holds(&format!("{nothing} revoked"), got.is_empty())?;

    let session = world.open().await?;
    world.store.beat(BeatRequest { session, lease: LEASE, draining: true }).await?;
    let got = world.store.claim(world.wish(session, 1)).await?;
    holds(&format!("{nothing} draining"), got.is_empty())?;

    let expired = world.open().await?;
    world.clock.advance(LEASE);
    let got = world.store.claim(world.wish(expired, 1)).await?;
    holds(&format!("{nothing} expired"), got.is_empty())
}

pub(super) async fn a_run_that_crashed_twice_is_claimed_alone(world: World) -> Verdict {
    let crashing = world.start(world.new_run()?).await?;
    for _ in 0..2 {
        let session = world.open().await?;
        equal("the crashing run", world.claim(session).await?.run.run_id, crashing)?;
        world.store.revoke(session).await?;
        equal("taken over", world.take_over(session, Death::Proved).await?, 1)?;
    }
    let calm = world.start(world.new_run()?).await?;
    let session = world.open().await?;
    let ids = |claimed: Vec<mainstay_core::store::operation::ClaimedRun>| {
        claimed.iter().map(|c| c.run.run_id).collect::<Vec<_>>()
    };
    let alone = ids(world.store.claim(world.wish(session, 5)).await?);
    equal("first, alone", alone, vec![crashing])?;
    let rest = ids(world.store.claim(world.wish(session, 5)).await?);
    equal("then the others", rest, vec![calm])
}

pub(super) async fn a_claim_loads_from_the_checkpoint(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    owner.accept(&*world.store, owner.step()?).await?;
    let fold = Payload::from_bytes(*b"{\"fold\":1}");
    let entries = [Entry::Checkpoint { fold: fold.reference(Default::default()) }, finished_step()];
    let at = owner.head.position + 1;
    owner.accept(&*world.store, owner.part(&entries, RowChange::Checkpoint(at))?).await?;
    owner.accept(&*world.store, owner.release()?).await?;
    let claimed = world.claim(world.open().await?).await?;
    equal("the row's checkpoint", claimed.run.checkpoint, at)?;
    let places: Vec<_> = claimed.journal.iter().map(|row| row.position).collect();
    equal("loaded rows", places, (at..=claimed.position).collect())?;
    equal("the first of them", claimed.journal.first().map(|r| r.kind.as_str()), Some("checkpoint"))
}

pub(super) async fn a_claim_hands_over_messages_the_run_has_not_read(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    world.tell(owner.run_id, "read").await?;
    owner.accept(&*world.store, owner.park_for_signal(1)?).await?;
    world.tell(owner.run_id, "unread").await?;
    let claimed = world.claim(world.open().await?).await?;
    equal("the run", claimed.run.run_id, owner.run_id)?;
    let keys: Vec<_> = claimed.inbox.iter().map(|m| (m.position, m.key.as_str())).collect();
    equal("its unread message", keys, vec![(2, "unread")])?;
    equal("the new owner's epoch", Owner::of(&claimed).epoch, 2)
}
