//! Parking: a compare-and-set on the inbox, so that no wake-up is ever lost.

use mainstay_core::{
    inbox::InboxBody,
    journal::Entry,
    payload::Payload,
    run::RunStatus,
    store::operation::{Appended, Delivered, Delivery, RowChange},
    wait::{Wait, WaitMode, WaitSet},
};

use super::{
    Owner, Verdict, World, absent, equal, holds, joined,
    owner::{finished_step, for_signal},
    world::{lane, signal},
};

fn children(world: &World, count: usize) -> Vec<Wait> {
    (0..count).map(|_| Wait::Child { run_id: world.run_id() }).collect()
}

pub(super) async fn a_parked_run_is_held_by_nobody(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    owner.accept(&*world.store, owner.park_for_signal(0)?).await?;
    let row = world.row(owner.run_id).await?;
    equal("status", row.status, RunStatus::Parked)?;
    equal("owner", row.owner, None)?;
    let wait = WaitSet { mode: WaitMode::Any, waits: vec![for_signal()] };
    equal("the row says why", row.wait, Some(wait))?;
    let session = world.open().await?;
    equal("nothing to claim", world.store.claim(world.wish(session, 5)).await?, vec![])?;
    let sessions = world.store.sessions(()).await?;
    equal("runs held", sessions.iter().map(|session| session.runs).sum(), 0)
}

pub(super) async fn a_message_before_the_park_prevents_it(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let told = world.tell(owner.run_id, "early").await?;
    equal("a running run is not woken", told, Delivered::Accepted { position: 1, woke: false })?;
    let answer = owner.append(&*world.store, owner.park_for_signal(0)?).await?;
    equal("the park", answer, Appended::InboxMoved { head: 1 })?;
    equal("status", world.row(owner.run_id).await?.status, RunStatus::Running)?;
    owner.accept(&*world.store, owner.park_for_signal(1)?).await
}

pub(super) async fn a_message_after_the_park_wakes_the_run(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    owner.accept(&*world.store, owner.park_for_signal(0)?).await?;
    let told = world.tell(owner.run_id, "late").await?;
    equal("the message", told, Delivered::Accepted { position: 1, woke: true })?;
    let row = world.row(owner.run_id).await?;
    equal("the row", (row.status, row.wait), (RunStatus::Queued, None))?;
    let told = world.tell(owner.run_id, "later").await?;
    equal("woken once", told, Delivered::Accepted { position: 2, woke: false })?;
    let claimed = world.claim(world.open().await?).await?;
    equal("claimed again", claimed.run.run_id, owner.run_id)?;
    equal("with both messages", claimed.inbox.len(), 2)
}

pub(super) async fn no_wake_up_is_lost_in_a_race(world: World) -> Verdict {
    let session = world.open().await?;
    for round in 0..200 {
        let run_id = world.start(world.new_run()?).await?;
        let mut owner = Owner::of(&world.claim(session).await?);
        let (park, message) = (owner.park_for_signal(0)?, signal(run_id, "race")?);
        let (parking, telling) = (world.store.clone(), world.store.clone());
        let parking = tokio::spawn(async move { owner.append(&*parking, park).await });
        let telling = tokio::spawn(async move { telling.deliver(message).await });
        let (parked, told) = (joined(parking).await??, joined(telling).await??);
        let status = world.row(run_id).await?.status;
        let sound = match (&parked, told) {
            (Appended::Accepted, Delivered::Accepted { woke, .. }) => {
                woke && status == RunStatus::Queued
            }
            (Appended::InboxMoved { head: 1 }, Delivered::Accepted { woke, .. }) => {
                !woke && status == RunStatus::Running
            }
            _ => false,
        };
        holds(&format!("round {round}: {parked:?}, {told:?}, {status:?}"), sound)?;
        if status == RunStatus::Queued {
            world.claim(session).await?;
        }
    }
    Ok(())
}

pub(super) async fn a_run_that_waits_for_all_wakes_once(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let park = owner.park(0, WaitMode::All, children(&world, 3))?;
    owner.accept(&*world.store, park).await?;
    for (key, wakes) in [("a", false), ("b", false), ("c", true), ("d", false)] {
        match world.tell(owner.run_id, key).await? {
            Delivered::Accepted { woke, .. } => equal(&format!("woken by {key}"), woke, wakes)?,
            Delivered::Duplicate { .. } | Delivered::Ended | Delivered::Unknown => {
                holds("the message is accepted", false)?;
            }
        }
        let duplicate = world.tell(owner.run_id, key).await?;
        holds("a duplicate", matches!(duplicate, Delivered::Duplicate { .. }))?;
    }
    let session = world.open().await?;
    equal("queued once", world.store.claim(world.wish(session, 5)).await?.len(), 1)
}

pub(super) async fn an_urgent_message_wakes_a_run_that_waits_for_all(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let park = owner.park(0, WaitMode::All, children(&world, 3))?;
    owner.accept(&*world.store, park).await?;
    let body = InboxBody::CancelRequested { by: "ada".to_owned(), reason: "mistake".to_owned() };
    let cancel =
        Delivery { run_id: owner.run_id, key: "cancel".to_owned(), body, payloads: Vec::new() };
    let told = world.store.deliver(cancel).await?;
    equal("a cancellation", told, Delivered::Accepted { position: 1, woke: true })?;
    equal("status", world.row(owner.run_id).await?.status, RunStatus::Queued)
}

pub(super) async fn a_released_run_is_queued_again(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let fold = Payload::from_bytes(*b"{}").reference(Default::default());
    let checkpoint = Some(owner.head.position + 1);
    let entries = [Entry::Checkpoint { fold }, Entry::Released];
    let part = owner.part(&entries, RowChange::Release { checkpoint })?;
    owner.accept(&*world.store, part).await?;
    let row = world.row(owner.run_id).await?;
    equal("the row", (row.status, row.owner), (RunStatus::Queued, None))?;
    equal("checkpoint", row.checkpoint, 3)?;
    let claimed = world.claim(world.open().await?).await?;
    equal("claimed again", (claimed.run.run_id, claimed.run.epoch), (owner.run_id, 2))
}

pub(super) async fn a_run_cannot_end_while_a_message_is_unread(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    world.tell(owner.run_id, "wait").await?;
    let answer = owner.append(&*world.store, owner.finish(0)?).await?;
    equal("the end", answer, Appended::InboxMoved { head: 1 })?;
    owner.accept(&*world.store, owner.finish(1)?).await?;
    equal("status", world.row(owner.run_id).await?.status, RunStatus::Completed)
}

pub(super) async fn an_ended_run_has_its_status_and_no_owner(world: World) -> Verdict {
    use RunStatus as S;
    for status in [S::Completed, S::Failed, S::Cancelled, S::Partial] {
        let mut owner = world.owned().await?;
        let mut part = owner.finish(0)?;
        part.change = RowChange::Finish { inbox_seen: 0, status };
        owner.accept(&*world.store, part).await?;
        let row = world.row(owner.run_id).await?;
        equal("the row", (row.status, row.owner, row.wait), (status, None, None))?;
    }
    let session = world.open().await?;
    equal("nothing to claim", world.store.claim(world.wish(session, 9)).await?, vec![])
}

pub(super) async fn a_moved_run_waits_in_its_new_lane(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let to = lane("desk_v2");
    let state = Payload::from_bytes(*b"{}").reference(Default::default());
    let migrated = Entry::Migrated { from: lane("desk"), to: to.clone(), state };
    let entries = [finished_step(), migrated, Entry::Released];
    let part = owner.part(&entries, RowChange::Move { to: to.clone() })?;
    owner.accept(&*world.store, part).await?;
    equal("the row's version", world.row(owner.run_id).await?.flow, to.clone())?;
    let session = world.open().await?;
    equal("the old lane", world.store.claim(world.wish(session, 5)).await?, vec![])?;
    let mut wish = world.wish(session, 5);
    wish.lanes = vec![to];
    let claimed = world.store.claim(wish).await?;
    let claimed = claimed.first().ok_or_else(|| absent("the moved run"))?;
    equal("the new lane", claimed.run.run_id, owner.run_id)
}

pub(super) async fn runs_that_one_commit_gives_back_stand_in_its_order(world: World) -> Verdict {
    let mut owners = [world.owned().await?, world.owned().await?, world.owned().await?];
    owners.reverse();
    let back: Result<Vec<_>, _> = owners.iter().map(Owner::release).collect();
    let answers = world.store.append(back?).await?;
    equal("all are accepted", answers, vec![Appended::Accepted; 3])?;
    let claimed = world.store.claim(world.wish(world.open().await?, 3)).await?;
    let claimed: Vec<_> = claimed.iter().map(|claimed| claimed.run.run_id).collect();
    equal("the order", claimed, owners.iter().map(|owner| owner.run_id).collect())
}
