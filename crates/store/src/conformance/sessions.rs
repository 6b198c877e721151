//! Sessions: leases that end for good, and takeovers that need a revocation.

use std::time::Duration;

use mainstay_core::{
    id::SessionId,
    run::RunStatus,
    store::operation::{Beat, BeatRequest, Death, DeathProof, OpenSession, RowChange},
};

use super::{
    Failure, Owner, Verdict, World, absent, equal, holds,
    owner::started_step,
    world::{LEASE, lane},
};

async fn beat(world: &World, session: SessionId) -> Result<Beat, Failure> {
    Ok(world.store.beat(BeatRequest { session, lease: LEASE, draining: false }).await?)
}

fn alive(world: &World) -> Beat {
    Beat::Alive { now: world.now(), moved: Vec::new() }
}

pub(super) async fn a_beat_extends_the_lease(world: World) -> Verdict {
    let session = world.open().await?;
    for _ in 0..3 {
        world.clock.advance(LEASE * 9 / 10);
        equal("in time", beat(&world, session).await?, alive(&world))?;
    }
    Ok(())
}

pub(super) async fn a_beat_after_expiry_is_lost_for_good(world: World) -> Verdict {
    let session = world.open().await?;
    world.clock.advance(LEASE);
    equal("at its end", beat(&world, session).await?, Beat::Lost)?;
    equal("for good", beat(&world, session).await?, Beat::Lost)?;
    equal("unknown", beat(&world, world.session_id()).await?, Beat::Lost)
}

pub(super) async fn a_beat_after_revocation_is_lost_and_moves_no_lease(world: World) -> Verdict {
    let session = world.open().await?;
    let end = world.now().after(LEASE);
    equal("the final end", world.store.revoke(session).await?, Some(end))?;
    world.clock.advance(LEASE / 2);
    equal("a beat", beat(&world, session).await?, Beat::Lost)?;
    equal("revoked again", world.store.revoke(session).await?, Some(end))?;
    equal("unknown", world.store.revoke(world.session_id()).await?, None)
}

pub(super) async fn a_takeover_needs_a_revocation(world: World) -> Verdict {
    let owner = world.owned().await?;
    let session = owner.session.ok_or_else(|| absent("the owner"))?;
    world.clock.advance(LEASE * 2);
    equal("only expired", world.take_over(session, Death::Proved).await?, 0)?;
    equal("still its run", world.row(owner.run_id).await?.owner, Some(session))?;
    world.store.revoke(session).await?;
    equal("revoked", world.take_over(session, Death::Proved).await?, 1)?;
    equal("twice", world.take_over(session, Death::Proved).await?, 0)?;
    let row = world.row(owner.run_id).await?;
    equal("the row", (row.status, row.owner), (RunStatus::Queued, None))?;
    equal("the epoch stays until the next claim", row.epoch, 1)?;
    let left: Vec<_> = world.store.sessions(()).await?.iter().map(|s| s.session).collect();
    holds("a session that was taken over is closed", !left.contains(&session))?;
    equal("its beat", beat(&world, session).await?, Beat::Lost)
}

pub(super) async fn crashes_count_until_the_run_makes_progress(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    for crashes in 1..=3 {
        let part = owner.part(&[started_step()], RowChange::Keep)?;
        owner.accept(&*world.store, part).await?;
        let session = owner.session.ok_or_else(|| absent("the owner"))?;
        world.store.revoke(session).await?;
        world.take_over(session, Death::Proved).await?;
        let claimed = world.claim(world.open().await?).await?;
        equal("crashes", claimed.run.crashes, crashes)?;
        let new_end = claimed.position;
        owner = Owner { head: owner.head, ..Owner::of(&claimed) };
        let last = claimed.journal.last().ok_or_else(|| absent("the claim"))?;
        owner.head = last.head(owner.run_id, owner.head);
        equal("the head", owner.head.position, new_end)?;
    }
    owner.accept(&*world.store, owner.step()?).await?;
    equal("after a finished step", world.row(owner.run_id).await?.crashes, 0)
}

pub(super) async fn after_an_early_takeover_only_reads_are_launched_until_the_lease_has_passed(
    world: World,
) -> Verdict {
    let owner = world.owned().await?;
    let session = owner.session.ok_or_else(|| absent("the owner"))?;
    let end = world.now().after(LEASE);
    world.clock.advance(LEASE / 4);
    world.store.revoke(session).await?;
    equal("taken over", world.take_over(session, Death::Presumed).await?, 1)?;
    let second = world.open().await?;
    let claimed = world.claim(second).await?;
    equal("until the first owner's lease ends", claimed.run.reads_only_until, Some(end))?;
    equal("so long", claimed.reads_only_for, LEASE * 3 / 4)?;
    // That the second owner is proved dead says nothing about the first.
    world.clock.advance(LEASE / 4);
    world.store.revoke(second).await?;
    world.take_over(second, Death::Proved).await?;
    let third = world.open().await?;
    equal("still", world.claim(third).await?.reads_only_for, LEASE / 2)?;
    world.clock.advance(LEASE / 2);
    world.store.revoke(third).await?;
    world.take_over(third, Death::Proved).await?;
    let claimed = world.claim(world.open().await?).await?;
    equal("and then no longer", claimed.reads_only_for, Duration::ZERO)
}

pub(super) async fn a_takeover_that_waited_or_has_proof_restricts_nothing(world: World) -> Verdict {
    for (wait, death) in [(LEASE, Death::Presumed), (LEASE / 2, Death::Proved)] {
        let owner = world.owned().await?;
        let session = owner.session.ok_or_else(|| absent("the owner"))?;
        world.clock.advance(wait);
        world.store.revoke(session).await?;
        world.take_over(session, death).await?;
        let claimed = world.claim(world.open().await?).await?;
        equal("the run", claimed.run.run_id, owner.run_id)?;
        let marks = (claimed.run.reads_only_until, claimed.reads_only_for);
        equal("no restriction", marks, (None, Duration::ZERO))?;
    }
    Ok(())
}

pub(super) async fn a_closed_session_returns_its_runs_without_a_crash(world: World) -> Verdict {
    let owner = world.owned().await?;
    let session = owner.session.ok_or_else(|| absent("the owner"))?;
    equal("its runs", world.store.close_session(session).await?, 1)?;
    equal("twice", world.store.close_session(session).await?, 0)?;
    let row = world.row(owner.run_id).await?;
    equal("the row", (row.status, row.owner, row.crashes), (RunStatus::Queued, None, 0))?;
    equal("its beat", beat(&world, session).await?, Beat::Lost)?;
    let claimed = world.claim(world.open().await?).await?;
    equal("claimed by another", claimed.run.epoch, 2)
}

pub(super) async fn a_beat_names_the_runs_whose_inbox_moved(world: World) -> Verdict {
    let calm = world.start(world.new_run()?).await?;
    let busy = world.start(world.new_run()?).await?;
    world.tell(busy, "before the claim").await?;
    let session = world.open().await?;
    let claimed = world.store.claim(world.wish(session, 2)).await?;
    equal("both runs", claimed.iter().map(|c| c.run.run_id).collect(), vec![calm, busy])?;
    equal("nothing new", beat(&world, session).await?, alive(&world))?;
    world.tell(busy, "after the claim").await?;
    let moved = Beat::Alive { now: world.now(), moved: vec![(busy, 2)] };
    equal("one moved", beat(&world, session).await?, moved)?;
    let other = world.open().await?;
    equal("not for others", beat(&world, other).await?, alive(&world))
}

pub(super) async fn sessions_are_listed_with_what_they_hold(world: World) -> Verdict {
    let session = world.session_id();
    let proof = DeathProof {
        boot_id: "b".to_owned(),
        path: "/run/lock".to_owned(),
        device: 1,
        inode: u64::MAX,
        token: "t".to_owned(),
    };
    let open = OpenSession {
        session,
        name: "host/7".to_owned(),
        lanes: vec![lane("desk"), lane("other")],
        lease: LEASE,
        proof: Some(proof.clone()),
    };
    let end = world.now().after(LEASE);
    equal("the lease", world.store.open_session(open.clone()).await?, end)?;
    world.clock.advance(LEASE / 5);
    equal("opened again", world.store.open_session(open).await?, end)?;
    world.start(world.new_run()?).await?;
    world.claim(session).await?;
    let rows = world.store.sessions(()).await?;
    let [row] = rows.as_slice() else { return equal("one session", rows.len(), 1) };
    equal("session", row.session, session)?;
    equal("name", row.name.as_str(), "host/7")?;
    equal("left", (row.left, row.overdue), (LEASE * 4 / 5, Duration::ZERO))?;
    equal("state", (row.revoked, row.draining), (false, false))?;
    equal("proof", row.proof.clone(), Some(proof))?;
    equal("runs", row.runs, 1)?;
    equal("lanes", row.lanes.clone(), vec![lane("desk"), lane("other")])?;
    world.store.revoke(session).await?;
    world.clock.advance(LEASE);
    let rows = world.store.sessions(()).await?;
    let row = rows.first().ok_or_else(|| absent("the session"))?;
    equal("overdue", (row.left, row.overdue), (Duration::ZERO, LEASE / 5))?;
    holds("revoked", row.revoked)
}
