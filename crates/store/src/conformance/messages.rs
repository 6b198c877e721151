//! Messages both ways, and timers, which are messages to come.

use std::time::Duration;

use mainstay_core::{
    id::RunId,
    inbox::InboxBody,
    store::{
        StoreError,
        operation::{Delivered, FireTimers, FiredTimers, InboxRequest, OutboxMessage},
        row::InboxRow,
    },
    wait::{Wait, WaitMode},
};
use serde_json::json;

use super::{
    Failure, Verdict, World, equal, holds, joined,
    world::{payload, signal},
};

const SECOND: Duration = Duration::from_secs(1);

async fn inbox(world: &World, run_id: RunId) -> Result<Vec<InboxRow>, Failure> {
    Ok(world.store.inbox(InboxRequest { run_id, after: 0 }).await?)
}

async fn fire(world: &World) -> Result<FiredTimers, Failure> {
    Ok(world.store.fire_timers(FireTimers { limit: 100 }).await?)
}

pub(super) async fn a_message_counts_once_per_key(world: World) -> Verdict {
    let run_id = world.start(world.new_run()?).await?;
    let first = world.tell(run_id, "order-1").await?;
    equal("the first", first, Delivered::Accepted { position: 1, woke: false })?;
    equal(
        "the second",
        world.tell(run_id, "order-1").await?,
        Delivered::Duplicate { position: 1 },
    )?;
    world.tell(run_id, "order-2").await?;
    equal("the head", world.row(run_id).await?.inbox_head, 2)?;
    let after = world.store.inbox(InboxRequest { run_id, after: 1 }).await?;
    equal("after the first", after.iter().map(|m| m.position).collect(), vec![2])
}

pub(super) async fn an_ended_or_unknown_run_takes_no_message(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    world.tell(owner.run_id, "early").await?;
    owner.accept(&*world.store, owner.finish(1)?).await?;
    equal("ended", world.tell(owner.run_id, "late").await?, Delivered::Ended)?;
    let again = world.tell(owner.run_id, "early").await?;
    equal("a repeat of an early one", again, Delivered::Duplicate { position: 1 })?;
    equal("unknown", world.tell(world.run_id(), "lost").await?, Delivered::Unknown)?;
    equal("messages", inbox(&world, owner.run_id).await?.len(), 1)
}

pub(super) async fn racing_messages_get_places_without_gaps(world: World) -> Verdict {
    let run_id = world.start(world.new_run()?).await?;
    let mut tasks = Vec::new();
    for n in 0..32 {
        let (store, message) = (world.store.clone(), signal(run_id, &format!("m{n}"))?);
        tasks.push(tokio::spawn(async move { store.deliver(message).await }));
    }
    for task in tasks {
        let told = joined(task).await??;
        holds("accepted", matches!(told, Delivered::Accepted { .. }))?;
    }
    let places: Vec<_> = inbox(&world, run_id).await?.iter().map(|m| m.position).collect();
    equal("places", places, (1..=32).collect())?;
    equal("the head", world.row(run_id).await?.inbox_head, 32)
}

pub(super) async fn of_racing_messages_with_one_key_one_counts(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    owner.accept(&*world.store, owner.park_for_signal(0)?).await?;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let (store, message) = (world.store.clone(), signal(owner.run_id, "same")?);
        tasks.push(tokio::spawn(async move { store.deliver(message).await }));
    }
    let mut woken = 0;
    for task in tasks {
        match joined(task).await?? {
            Delivered::Accepted { woke, .. } => woken += u32::from(woke),
            Delivered::Duplicate { position } => equal("its place", position, 1)?,
            Delivered::Ended | Delivered::Unknown => holds("accepted or duplicate", false)?,
        }
    }
    equal("woken", woken, 1)?;
    equal("messages", inbox(&world, owner.run_id).await?.len(), 1)
}

pub(super) async fn a_message_keeps_its_payloads(world: World) -> Verdict {
    let run_id = world.start(world.new_run()?).await?;
    let mut message = signal(run_id, "with")?;
    message.payloads.push(payload(&json!("x".repeat(10_000)))?);
    world.store.deliver(message.clone()).await?;
    let kept =
        InboxRow { position: 1, key: message.key, body: message.body, payloads: message.payloads };
    equal("the message as it was sent", inbox(&world, run_id).await?, vec![kept])
}

pub(super) async fn a_message_with_a_zero_character_is_refused(world: World) -> Verdict {
    let run_id = world.start(world.new_run()?).await?;
    let refused = world.store.deliver(signal(run_id, "zero\0")?).await;
    let poison =
        matches!(refused, Err(StoreError::Poison { run_id: Some(id), .. }) if id == run_id);
    holds("poison", poison)?;
    equal("the head", world.row(run_id).await?.inbox_head, 0)?;
    // The same character inside a JSON value is escaped there and hurts nobody.
    let mut message = signal(run_id, "inside")?;
    message.body = InboxBody::RetryRequested { by: "ada\0".to_owned() };
    let told = world.store.deliver(message.clone()).await?;
    equal("inside a value", told, Delivered::Accepted { position: 1, woke: false })?;
    let bodies: Vec<_> = inbox(&world, run_id).await?.into_iter().map(|m| m.body).collect();
    equal("the value", bodies, vec![message.body])
}

pub(super) async fn a_due_timer_becomes_a_message(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let due = world.now().after(SECOND);
    let mut park = owner.park(0, WaitMode::Any, vec![Wait::Timer { due }])?;
    park.timers.push(("nap".to_owned(), due));
    owner.accept(&*world.store, park).await?;
    equal("too early", fire(&world).await?, FiredTimers { fired: 0, next_in: Some(SECOND) })?;
    world.clock.advance(SECOND);
    equal("due", fire(&world).await?, FiredTimers { fired: 1, next_in: None })?;
    let messages = inbox(&world, owner.run_id).await?;
    let [message] = messages.as_slice() else { return equal("one message", messages, vec![]) };
    let told = InboxBody::TimerFired { key: "nap".to_owned(), due: Some(due) };
    equal("body, with the time that has passed", &message.body, &told)?;
    equal("key", &message.key, &format!("timer:nap:{}", due.micros()))?;
    let claimed = world.claim(world.open().await?).await?;
    equal("woken", claimed.run.run_id, owner.run_id)?;
    equal("fired once", fire(&world).await?, FiredTimers { fired: 0, next_in: None })
}

pub(super) async fn a_timer_is_replaced_and_dropped(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let mut part = owner.step()?;
    part.timers = vec![("a".to_owned(), world.now()), ("b".to_owned(), world.now())];
    owner.accept(&*world.store, part).await?;
    let mut part = owner.step()?;
    part.timers = vec![("a".to_owned(), world.now().after(SECOND))];
    part.timers_off = vec!["b".to_owned(), "never set".to_owned()];
    owner.accept(&*world.store, part).await?;
    equal("replaced", fire(&world).await?, FiredTimers { fired: 0, next_in: Some(SECOND) })?;
    world.clock.advance(SECOND);
    equal("at its new time", fire(&world).await?.fired, 1)?;
    let mut again = owner.step()?;
    again.timers = vec![("a".to_owned(), world.now().after(SECOND))];
    owner.accept(&*world.store, again).await?;
    world.clock.advance(SECOND);
    equal("set again under its key", fire(&world).await?.fired, 1)?;
    equal("messages", inbox(&world, owner.run_id).await?.len(), 2)
}

pub(super) async fn timers_end_with_their_run(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let mut part = owner.step()?;
    part.timers = vec![("a".to_owned(), world.now().after(SECOND))];
    owner.accept(&*world.store, part).await?;
    owner.accept(&*world.store, owner.finish(0)?).await?;
    world.clock.advance(SECOND);
    equal("after the end", fire(&world).await?, FiredTimers { fired: 0, next_in: None })
}

pub(super) async fn racing_scanners_fire_a_timer_once(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let mut part = owner.step()?;
    part.timers = (0..20).map(|n| (format!("t{n}"), world.now())).collect();
    owner.accept(&*world.store, part).await?;
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let store = world.store.clone();
        tasks.push(tokio::spawn(async move { store.fire_timers(FireTimers { limit: 7 }).await }));
    }
    for task in tasks {
        joined(task).await??;
    }
    while fire(&world).await?.fired > 0 {}
    equal("messages", inbox(&world, owner.run_id).await?.len(), 20)
}

pub(super) async fn messages_to_others_stay_until_they_are_delivered(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let tell = |key: &str| OutboxMessage::Tell {
        run_id: owner.run_id,
        key: key.to_owned(),
        body: Box::new(InboxBody::TimerFired { key: key.to_owned(), due: None }),
        payloads: vec!["{\"a\":1}".to_owned()],
    };
    let mut part = owner.step()?;
    part.outbox = vec![tell("a"), tell("b")];
    let sent = part.outbox.clone();
    let position = part.head.position + 1;
    owner.accept(&*world.store, part).await?;
    for _ in 0..2 {
        let rows = world.store.outbox(10).await?;
        let read: Vec<_> = rows.iter().map(|row| row.message.clone()).collect();
        equal("read as often as wanted", read, sent.clone())?;
        let places: Vec<_> = rows.iter().map(|row| (row.run_id, row.position, row.n)).collect();
        equal("places", places, vec![(owner.run_id, position, 0), (owner.run_id, position, 1)])?;
    }
    let first = world.store.outbox(1).await?;
    equal("delivered", world.store.outbox_done(first.clone()).await?, 1)?;
    equal("delivered before", world.store.outbox_done(first).await?, 0)?;
    let left: Vec<_> = world.store.outbox(10).await?.into_iter().map(|row| row.n).collect();
    equal("left", left, vec![1])
}
