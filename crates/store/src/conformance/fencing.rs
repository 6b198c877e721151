//! Appends: the journal is the fence, and every part is judged by itself.

use std::time::Duration;

use mainstay_core::{
    digest::Digest,
    effect::StepKey,
    journal::{Entry, Head},
    run::RunStatus,
    store::{
        operation::{Append, Appended, Death, JournalRequest, OutboxMessage, RowChange},
        row::ReviewFilter,
    },
};

use super::{
    Failure, Owner, Verdict, World, equal, holds, joined,
    owner::{finished, finished_step, started_step},
    reviews::request,
    world::{lane, payload},
};

pub(super) async fn last_position(world: &World, owner: &Owner) -> Result<u64, Failure> {
    let whole = JournalRequest { run_id: owner.run_id, from: 1, limit: 10_000 };
    Ok(world.store.journal(whole).await?.last().map_or(0, |row| row.position))
}

/// An append that only a fence can refuse.
async fn fenced(world: &World, owner: &Owner, part: Append, found: Option<Digest>) -> Verdict {
    let before = last_position(world, owner).await?;
    let answer = owner.clone().append(&*world.store, part).await?;
    equal("a stale append", answer, Appended::Fenced { found })?;
    equal("the journal's end", last_position(world, owner).await?, before)
}

pub(super) async fn an_append_continues_the_journal(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let part = owner.part(&[started_step(), finished_step()], RowChange::Keep)?;
    let rows = part.rows.clone();
    owner.accept(&*world.store, part).await?;
    owner.accept(&*world.store, owner.step()?).await?;
    let from = JournalRequest { run_id: owner.run_id, from: 3, limit: 2 };
    equal("the rows as they were written", world.store.journal(from).await?, rows.to_vec())?;
    equal("gapless", last_position(&world, &owner).await?, 5)
}

pub(super) async fn an_append_onto_another_head_is_fenced(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let unlinked = Owner { head: Head { link: Digest::ZERO, ..owner.head }, ..owner.clone() };
    fenced(&world, &owner, unlinked.step()?, None).await?;
    let ahead = Owner { head: Head { position: 7, ..owner.head }, ..owner.clone() };
    fenced(&world, &owner, ahead.step()?, None).await?;
    let other_epoch = Owner { epoch: owner.epoch + 1, ..owner.clone() };
    fenced(&world, &owner, other_epoch.step()?, None).await?;
    let unknown = Owner { run_id: world.run_id(), ..owner.clone() };
    fenced(&world, &owner, unknown.step()?, None).await?;
    owner.accept(&*world.store, owner.step()?).await
}

pub(super) async fn a_zombie_is_fenced_after_a_newer_claim(world: World) -> Verdict {
    let mut zombie = world.owned().await?;
    zombie.accept(&*world.store, zombie.step()?).await?;
    let session = zombie.session.unwrap_or_else(|| world.session_id());
    world.store.revoke(session).await?;
    world.take_over(session, Death::Proved).await?;
    let claimed = world.claim(world.open().await?).await?;
    let found = claimed.journal.last().map(|row| row.link);
    fenced(&world, &zombie, zombie.step()?, found).await?;
    fenced(&world, &zombie, zombie.park_for_signal(0)?, found).await?;
    fenced(&world, &zombie, zombie.finish(0)?, found).await?;
    // Even one that has seen the newer claim cannot write under the older epoch.
    let mut owner = Owner::of(&claimed);
    let knowing = Owner { head: owner.head, ..zombie };
    fenced(&world, &owner, knowing.step()?, None).await?;
    owner.accept(&*world.store, owner.step()?).await
}

pub(super) async fn a_repeated_append_finds_its_own_link(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let part = owner.part(&[started_step(), finished_step()], RowChange::Keep)?;
    let own = part.rows.first().map(|row| row.link);
    let before = owner.clone();
    owner.accept(&*world.store, part.clone()).await?;
    fenced(&world, &before, part, own).await?;
    owner.accept(&*world.store, owner.step()?).await
}

pub(super) async fn of_racing_appends_on_one_head_one_wins(world: World) -> Verdict {
    let owner = world.owned().await?;
    let mut tasks = Vec::new();
    for visit in 1..=12 {
        let entry = Entry::StepStarted {
            step: StepKey::new("race", visit),
            attempt: 1,
            body: Digest::ZERO,
        };
        let (store, part) = (world.store.clone(), owner.part(&[entry], RowChange::Keep)?);
        tasks.push(tokio::spawn(async move {
            (part.rows.first().map(|row| row.link), store.append(vec![part]).await)
        }));
    }
    let (mut winners, mut found) = (Vec::new(), Vec::new());
    for task in tasks {
        let (link, answers) = joined(task).await?;
        for answer in answers? {
            match answer {
                Appended::Accepted => winners.push(link),
                Appended::Fenced { found: theirs } => found.push(theirs),
                Appended::InboxMoved { .. } | Appended::Poison(_) => {
                    holds("accepted or fenced", false)?;
                }
            }
        }
    }
    equal("winners", winners.len(), 1)?;
    holds("the others see the winner", found.iter().all(|link| winners.contains(link)))?;
    equal("rows", last_position(&world, &owner).await?, 3)
}

pub(super) async fn each_part_of_a_commit_is_judged_by_itself(world: World) -> Verdict {
    let (mut good, mut stale) = (world.owned().await?, world.owned().await?);
    let (poisoned, mut late) = (world.owned().await?, world.owned().await?);
    let before = stale.clone();
    stale.accept(&*world.store, stale.step()?).await?;
    let mut poison = poisoned.step()?;
    poison.timers.push(("wait\0".to_owned(), world.now()));
    let parts = vec![good.step()?, poison, before.step()?, late.step()?];
    let own = parts.get(2).and_then(|part| part.rows.first()).map(|row| row.link);
    let (first, last) = (good.step()?, late.step()?);
    let answers = world.store.append(parts).await?;
    let [Appended::Accepted, Appended::Poison(_), third, Appended::Accepted] = answers.as_slice()
    else {
        return equal("accepted, poison, fenced, accepted", answers, vec![]);
    };
    equal("the stale part", third, &Appended::Fenced { found: own })?;
    equal("nothing of the poison", last_position(&world, &poisoned).await?, 2)?;
    for (owner, part) in [(&mut good, first), (&mut late, last)] {
        owner.head = part.rows.iter().fold(owner.head, |head, row| row.head(owner.run_id, head));
        owner.accept(&*world.store, owner.step()?).await?;
    }
    poisoned.clone().accept(&*world.store, poisoned.step()?).await
}

pub(super) async fn rows_must_follow_without_a_gap(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let whole = owner.part(&[started_step(), finished_step()], RowChange::Keep)?;
    let mut empty = whole.clone();
    empty.rows_mut().clear();
    let mut gap = whole.clone();
    gap.rows_mut().remove(0);
    let mut foreign = whole.clone();
    foreign.rows_mut().iter_mut().skip(1).for_each(|row| row.epoch += 1);
    let mut claim = whole.clone();
    claim.rows_mut().iter_mut().for_each(|row| row.kind = "claimed".to_owned());
    for (what, part) in [("empty", empty), ("gap", gap), ("epoch", foreign), ("claim", claim)] {
        let answer = owner.append(&*world.store, part).await?;
        holds(&format!("{what}: refused"), matches!(answer, Appended::Poison(_)))?;
        equal(what, last_position(&world, &owner).await?, 2)?;
    }
    owner.accept(&*world.store, whole).await
}

pub(super) async fn nothing_follows_the_end_of_ownership(world: World) -> Verdict {
    for end in ["finished", "parked", "released"] {
        let mut owner = world.owned().await?;
        let part = match end {
            "finished" => owner.finish(0)?,
            "parked" => owner.park_for_signal(0)?,
            _ => owner.release()?,
        };
        owner.accept(&*world.store, part).await?;
        fenced(&world, &owner, owner.step()?, None).await?;
        fenced(&world, &owner, owner.finish(0)?, None).await?;
        fenced(&world, &owner, owner.park_for_signal(0)?, None).await?;
        if end == "released" {
            world.claim(world.open().await?).await?;
        }
    }
    Ok(())
}

pub(super) async fn the_last_entry_and_the_row_change_together(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let finish = |status| RowChange::Finish { inbox_seen: 0, status };
    let parts = [
        ("a finished entry alone", owner.part(&[finished()], RowChange::Keep)?),
        ("a released entry alone", owner.part(&[Entry::Released], RowChange::Keep)?),
        ("an end without its entry", owner.part(&[finished_step()], finish(RunStatus::Failed))?),
        ("an end that is none", owner.part(&[finished()], finish(RunStatus::Queued))?),
        ("an entry after the end", owner.part(&[finished(), finished_step()], RowChange::Keep)?),
        ("a park without its entry", {
            let change = owner.park_for_signal(0)?.change;
            owner.part(&[finished_step()], change)?
        }),
    ];
    for (what, part) in parts {
        let answer = owner.append(&*world.store, part).await?;
        holds(&format!("{what} is refused"), matches!(answer, Appended::Poison(_)))?;
    }
    equal("status", world.row(owner.run_id).await?.status, RunStatus::Running)?;
    owner.accept(&*world.store, owner.finish(0)?).await
}

pub(super) async fn an_owner_that_was_taken_over_cannot_park(world: World) -> Verdict {
    let owner = world.owned().await?;
    let session = owner.session.unwrap_or_else(|| world.session_id());
    world.store.revoke(session).await?;
    world.take_over(session, Death::Proved).await?;
    fenced(&world, &owner, owner.park_for_signal(0)?, None).await?;
    fenced(&world, &owner, owner.finish(0)?, None).await?;
    fenced(&world, &owner, owner.release()?, None).await?;
    let row = world.row(owner.run_id).await?;
    equal("still queued", (row.status, row.owner), (RunStatus::Queued, None))
}

pub(super) async fn a_refused_part_leaves_nothing(world: World) -> Verdict {
    let owner = world.owned().await?;
    world.tell(owner.run_id, "first").await?;
    let mut part = owner.park_for_signal(0)?;
    part.timers.push(("nap".to_owned(), world.now().after(Duration::from_secs(1))));
    part.reviews.push(request(&world)?);
    part.outbox.push(OutboxMessage::Emit {
        subject: "orders".to_owned(),
        key: "a#1:0"
            .parse::<mainstay_core::effect::EffectPosition>()
            .map_err(|e| Failure(e.to_string()))?
            .key(Digest::ZERO),
        payload: "{}".to_owned(),
    });
    let big = payload(&serde_json::json!("x".repeat(9_000)))?;
    part.rows_mut().iter_mut().for_each(|row| row.payloads = vec![big.clone()]);
    let answer = owner.clone().append(&*world.store, part).await?;
    equal("the inbox moved", answer, Appended::InboxMoved { head: 1 })?;
    equal("rows", last_position(&world, &owner).await?, 2)?;
    equal("reviews", world.store.reviews(ReviewFilter::OfRun(owner.run_id)).await?, vec![])?;
    equal("outbox", world.store.outbox(10).await?, vec![])?;
    world.clock.advance(Duration::from_secs(2));
    let fire = mainstay_core::store::operation::FireTimers { limit: 10 };
    let fired = world.store.fire_timers(fire).await?;
    equal("timers", (fired.fired, fired.next_in), (0, None))?;
    equal("the row", world.row(owner.run_id).await?.status, RunStatus::Running)
}

pub(super) async fn many_runs_share_a_commit(world: World) -> Verdict {
    const RUNS: usize = 40;
    for _ in 0..RUNS {
        world.start(world.new_run_of(&lane("desk"), "acme")?).await?;
    }
    let session = world.open().await?;
    let claimed = world.store.claim(world.wish(session, RUNS)).await?;
    let owners: Vec<_> = claimed.iter().map(Owner::of).collect();
    let mut tasks = Vec::new();
    for mut owner in owners {
        let store = world.store.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..5 {
                owner.accept(&*store, owner.step()?).await?;
            }
            Ok::<_, Failure>(owner)
        }));
    }
    for task in tasks {
        let owner = joined(task).await??;
        equal("rows", last_position(&world, &owner).await?, 7)?;
    }
    Ok(())
}
