//! Loops that any worker may run, and run twice: takeover of the dead, timers, the outbox relay,
//! the searchable list, the end of runs that nobody can drive, runs that wait for a
//! worker, old weeks, what was spent of shared caps.

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    journal::{Head, JournalRow},
    payload::Payload,
    store::{
        StoreError,
        operation::{Death, Delivery, FireTimers, NewRun, OutboxMessage, TakeOver},
        row::{OutboxRow, SessionRow},
    },
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    control,
    proof::{Proof, Sign},
    revive, upkeep,
};
use crate::{drive::Desk, purse::Returning, runtime::Runtime};

/// Rows handled in one round.
const ROUND: u32 = 256;

/// Longest pause of the timer scanner and the relay.
const PAUSE: Duration = Duration::from_millis(500);

/// Pause of the searchable list's refresh.
const INDEX_PAUSE: Duration = Duration::from_millis(200);

/// Pause between two looks at other sessions.
const REAP_PAUSE: Duration = Duration::from_millis(500);

pub(super) fn start(desk: &Desk, end: &CancellationToken) -> JoinSet<()> {
    let mut loops = JoinSet::new();
    loops.spawn(timers(desk.clone(), end.clone()));
    loops.spawn(relay(desk.clone(), end.clone()));
    loops.spawn(reap(desk.clone(), end.clone()));
    loops.spawn(index(desk.clone(), end.clone()));
    loops.spawn(control::ends(desk.clone(), end.clone()));
    loops.spawn(upkeep::upkeep(desk.clone(), end.clone()));
    loops.spawn(revive::revive(desk.clone(), end.clone()));
    loops.spawn(chunks(desk.clone(), end.clone()));
    loops
}

/// Lets `span` pass on the clock, which may come back early. Returns whether to go on.
pub(super) async fn pause(desk: &Desk, end: &CancellationToken, span: Duration) -> bool {
    let clock = &desk.runtime.clock;
    let until = clock.boot() + span;
    while clock.boot() < until {
        tokio::select! {
            biased;
            () = end.cancelled() => return false,
            () = clock.sleep(span) => {}
        }
    }
    !end.is_cancelled()
}

async fn timers(desk: Desk, end: CancellationToken) {
    while !end.is_cancelled() {
        let pause = match desk.runtime.store.fire_timers(FireTimers { limit: ROUND }).await {
            Ok(fired) => {
                if fired.fired > 0 {
                    desk.nudges.claim.notify_one();
                }
                fired.next_in.unwrap_or(PAUSE).min(PAUSE)
            }
            Err(error) => quiet(&error),
        };
        tokio::select! {
            biased;
            () = end.cancelled() => return,
            () = desk.nudges.timers.notified() => {}
            () = desk.runtime.clock.sleep(pause) => {}
        }
    }
}

fn quiet(error: &StoreError) -> Duration {
    tracing::warn!(%error, "background round failed");
    PAUSE
}

async fn relay(desk: Desk, end: CancellationToken) {
    while !end.is_cancelled() {
        match relay_once(&desk.runtime).await {
            Ok(0) => {}
            Ok(_) => {
                desk.nudges.claim.notify_one();
                continue;
            }
            Err(error) => drop(quiet(&error)),
        }
        tokio::select! {
            biased;
            () = end.cancelled() => return,
            () = desk.nudges.outbox.notified() => {}
            () = desk.runtime.clock.sleep(PAUSE) => {}
        }
    }
}

/// Delivers what is in the outbox, each message in a transaction of its own, and removes what was
/// delivered. A crash in between delivers again: every receiver recognises the key.
async fn relay_once(runtime: &Runtime) -> Result<usize, StoreError> {
    let rows = runtime.store.outbox(ROUND).await?;
    let mut delivered = Vec::with_capacity(rows.len());
    for row in rows {
        if deliver(runtime, &row).await? {
            delivered.push(row);
        }
    }
    let count = delivered.len();
    if count > 0 {
        runtime.store.outbox_done(delivered).await?;
    }
    Ok(count)
}

async fn deliver(runtime: &Runtime, row: &OutboxRow) -> Result<bool, StoreError> {
    match row.message.clone() {
        OutboxMessage::StartChild { run_id, flow, tenant, created, at, payloads } => {
            let payloads = payloads.iter().map(|text| payload(text)).collect();
            let body = created.into_bytes();
            let first = first_row(run_id, at, body, payloads);
            let run = NewRun {
                run_id,
                tenant,
                flow,
                priority: 100,
                key: None,
                first,
                parent: Some(row.run_id),
                tags: String::new(),
            };
            runtime.store.create_run(Box::new(run)).await.map(|_| true)
        }
        OutboxMessage::Tell { run_id, key, body, payloads } => {
            let payloads = payloads.iter().map(|text| payload(text)).collect();
            let delivery = Delivery { run_id, key, body: *body, payloads };
            runtime.store.deliver(delivery).await.map(|_| true)
        }
        OutboxMessage::Emit { subject, key, payload } => {
            match runtime.broker.publish(&subject, key, &payload).await {
                Ok(()) => Ok(true),
                Err(error) => {
                    tracing::warn!(subject, error, "the bus did not take an event");
                    Ok(false)
                }
            }
        }
    }
}

fn payload(text: &str) -> Payload {
    Payload::from_bytes(text.as_bytes().to_vec())
}

fn first_row(
    run_id: mainstay_core::id::RunId,
    at: mainstay_core::time::Timestamp,
    body: Vec<u8>,
    payloads: Vec<Payload>,
) -> JournalRow {
    let row = JournalRow {
        position: 1,
        epoch: 0,
        prev: Head::EMPTY.hash,
        link: Head::EMPTY.link,
        kind: "created".to_owned(),
        at,
        body,
        payloads,
    };
    let link = row.head(run_id, Head::EMPTY).hash;
    JournalRow { link, ..row }
}

/// Takes over the runs of dead workers: at once where their death is proved; early where the lock
/// on their connection is free, and then their actions wait; else when their lease has passed.
async fn reap(desk: Desk, end: CancellationToken) {
    while !end.is_cancelled() {
        if let Err(error) = reap_once(&desk).await {
            quiet(&error);
        }
        tokio::select! {
            biased;
            () = end.cancelled() => return,
            () = desk.runtime.clock.sleep(REAP_PAUSE) => {}
        }
    }
}

async fn reap_once(desk: &Desk) -> Result<(), StoreError> {
    let own = desk.lease.session();
    for row in desk.runtime.store.sessions(()).await? {
        if row.session == own {
            continue;
        }
        let sign = row.proof.as_ref().map_or(Sign::Nothing, Proof::sign);
        match sign {
            Sign::Dead(proof) => take_over(desk, &row, Some(proof)).await?,
            // Whoever holds the lock lives, or is about to take over with the proof in his hand:
            // a free lock on the store says less than that.
            Sign::Held if !row.left.is_zero() => {}
            Sign::Nothing if !row.left.is_zero() && !row.lock_free => {}
            Sign::Held | Sign::Nothing => take_over(desk, &row, None).await?,
        }
    }
    Ok(())
}

async fn take_over(desk: &Desk, row: &SessionRow, proof: Option<Proof>) -> Result<(), StoreError> {
    if !row.revoked {
        desk.runtime.store.revoke(row.session).await?;
    }
    let death = if proof.is_some() { Death::Proved } else { Death::Presumed };
    let takeover = TakeOver { session: row.session, death };
    let runs = desk.runtime.store.take_over(takeover).await?;
    if runs > 0 {
        tracing::info!(session = %row.session, runs, "took over the runs of a dead worker");
        desk.nudges.claim.notify_one();
    }
    proof.into_iter().for_each(Proof::retire);
    Ok(())
}

/// Tells the store as often as a beat what was spent of shared caps, and gives back what nobody needs
/// here: another worker may.
async fn chunks(desk: Desk, end: CancellationToken) {
    if desk.runtime.caps.is_empty() {
        return;
    }
    while pause(&desk, &end, desk.runtime.options.beat).await {
        desk.purse.report(Returning::Idle).await;
    }
}

async fn index(desk: Desk, end: CancellationToken) {
    let runtime: Arc<Runtime> = desk.runtime.clone();
    while !end.is_cancelled() {
        if let Err(error) = runtime.store.refresh_index(ROUND).await {
            quiet(&error);
        }
        tokio::select! {
            biased;
            () = end.cancelled() => return,
            () = runtime.clock.sleep(INDEX_PAUSE) => {}
        }
    }
}
