//! Commits: parts of many runs in one statement, one round trip, one flush.
//!
//! # How a part is accepted or refused by itself
//!
//! A part's first row goes in only if the row before it is the one its owner saw (place, link and
//! epoch), and only if its own place is free. The primary key decides every race: `ON CONFLICT DO
//! NOTHING` makes the loser's part disappear instead of the whole batch. Everything else of a part
//! joins to the winners of that first insert. Parts that change their run's row take its lock
//! before any journal row is written, in ascending order, and are left out if the change misses.
//! Parts that bring statements of the author's are committed one by one ([`local`]).

mod change;
mod extras;
mod local;
#[cfg(test)]
mod order;
mod statement;

use mainstay_core::{
    id::RunId,
    store::operation::{Append, Appended, RowChange},
};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use self::change::Change;
pub(super) use self::{extras::push_stored, statement::is_plain};
use super::{connect::Link, failure::Failed, home::Home, shared::Shared};
use crate::{sound, wire};

/// A victim of a deadlock is tried again this often.
const TRIES: u32 = 8;

/// One part that has its place in the answers, and what it does to its run's row.
struct Part<'a> {
    place: usize,
    part: &'a Append,
    change: Option<Change>,
}

impl Part<'_> {
    const fn run_id(&self) -> RunId {
        self.part.run_id
    }
}

/// Returns the lowest and the highest run of a batch.
fn span(batch: &[Part<'_>]) -> (Uuid, Uuid) {
    let run = |part: Option<&Part<'_>>| part.map(|p| p.run_id().uuid()).unwrap_or_default();
    (run(batch.first()), run(batch.last()))
}

/// Appends `parts`; the answers stand in their order.
pub(super) async fn append(
    link: &mut Link,
    shared: &Shared,
    parts: &[&Append],
) -> Result<Vec<Appended>, Failed> {
    let sql = link.ready().await?;
    let mut answers: Vec<Appended> = parts.iter().map(|part| refuse(part)).collect();
    let mut waiting = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        if !matches!(answers.get(place), Some(Appended::Poison(_))) {
            let change = change::of(sql, shared, part).await?;
            waiting.push(Part { place, part, change });
        }
    }
    while !waiting.is_empty() {
        let batch = take_distinct(&mut waiting);
        let (plain, authored): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|part| part.part.local.is_empty());
        if !plain.is_empty() {
            commit_or_split(sql, shared, plain, &mut answers).await?;
        }
        for part in authored {
            let answer = local::commit(sql, shared, &part).await?;
            settle(&mut answers, part.place, answer);
        }
    }
    Ok(answers)
}

fn refuse(part: &Append) -> Appended {
    match sound::part(part) {
        Err(why) => Appended::Poison(why),
        Ok(()) => Appended::Fenced { found: None },
    }
}

/// Takes the first part of each run, by ascending run.
fn take_distinct<'a>(waiting: &mut Vec<Part<'a>>) -> Vec<Part<'a>> {
    let mut batch: Vec<Part<'a>> = std::mem::take(waiting);
    batch.sort_by_key(|p| (p.part.run_id, p.place));
    let mut last = None;
    let (first, later) = batch.into_iter().partition(|p: &Part<'_>| {
        let is_first = last != Some(p.part.run_id);
        last = Some(p.part.run_id);
        is_first
    });
    *waiting = later;
    first
}

/// Commits a batch; one whose values the server refuses is halved until the part is found.
async fn commit_or_split(
    sql: &mut PgConnection,
    shared: &Shared,
    batch: Vec<Part<'_>>,
    answers: &mut [Appended],
) -> Result<(), Failed> {
    let mut batches = vec![batch];
    while let Some(mut batch) = batches.pop() {
        match commit(sql, shared, &batch, answers).await {
            Ok(()) => {}
            Err(Failed::Refused(why)) => match batch.as_slice() {
                [part] => settle(answers, part.place, Appended::Poison(why)),
                _ => {
                    batches.push(batch.split_off(batch.len() / 2));
                    batches.push(batch);
                }
            },
            Err(failed) => return Err(failed),
        }
    }
    Ok(())
}

async fn commit(
    sql: &mut PgConnection,
    shared: &Shared,
    batch: &[Part<'_>],
    answers: &mut [Appended],
) -> Result<(), Failed> {
    let won = insert(sql, shared, batch).await?;
    if !won.is_empty() {
        shared.note_commit();
    }
    for part in batch {
        let answer = if won.contains(&part.part.run_id.uuid()) {
            note_calm(shared, part);
            Appended::Accepted
        } else {
            why_not(sql, part.part).await?
        };
        settle(answers, part.place, answer);
    }
    Ok(())
}

fn note_calm(shared: &Shared, part: &Part<'_>) {
    if part.change.as_ref().is_some_and(Change::is_calm) {
        shared.note_crashes(part.part.run_id, 0);
    }
}

fn settle(answers: &mut [Appended], place: usize, answer: Appended) {
    if let Some(slot) = answers.get_mut(place) {
        *slot = answer;
    }
}

/// Runs the one statement; returns the runs whose parts were accepted.
async fn insert(
    sql: &mut PgConnection,
    shared: &Shared,
    batch: &[Part<'_>],
) -> Result<Vec<Uuid>, Failed> {
    for _ in 0..TRIES {
        let home = Home::of(sql, shared, batch.iter().map(Part::run_id)).await?;
        let statement = statement::build(shared, home, batch)?;
        match statement.query_scalar()?.fetch_all(&mut *sql).await.map_err(Failed::from) {
            Err(Failed::Victim(_)) => {}
            Err(Failed::NoSchema) if home.is_out_of_date(shared) => {}
            done => return done,
        }
    }
    Err(Failed::Victim("the server kept choosing this commit as a victim".to_owned()))
}

/// Says why a part was left out: looked up afterwards, because the row in its way may be younger
/// than the statement's view.
async fn why_not(sql: &mut PgConnection, part: &Append) -> Result<Appended, Failed> {
    let row = sqlx::query(
        "SELECT (SELECT link FROM mainstay.journal WHERE run_id = $1 AND position = $2 + 1
                 AND EXISTS (SELECT FROM mainstay.runs WHERE run_id = $1)),
                EXISTS (SELECT FROM mainstay.journal WHERE run_id = $1 AND position = $2
                        AND link = $3 AND epoch = $4
                        AND kind NOT IN ('parked', 'released', 'finished', 'moved', 'rehomed')),
                (SELECT inbox_head FROM mainstay.runs
                 WHERE run_id = $1 AND status = 'running' AND epoch = $4)",
    )
    .bind(part.run_id.uuid())
    .bind(wire::int(part.head.position))
    .bind(part.head.link.as_bytes().as_slice())
    .bind(wire::int(part.epoch))
    .fetch_one(sql)
    .await?;
    let found: Option<&[u8]> = row.try_get(0)?;
    let fits: bool = row.try_get(1)?;
    let inbox_head: Option<i64> = row.try_get(2)?;
    let found = found.map(wire::digest).transpose()?;
    match (inbox_head, inbox_seen(&part.change)) {
        (Some(head), Some(seen)) if fits && found.is_none() && wire::count(head)? != seen => {
            Ok(Appended::InboxMoved { head: wire::count(head)? })
        }
        _ => Ok(Appended::Fenced { found }),
    }
}

const fn inbox_seen(change: &RowChange) -> Option<u64> {
    match change {
        RowChange::Park { inbox_seen, .. } | RowChange::Finish { inbox_seen, .. } => {
            Some(*inbox_seen)
        }
        RowChange::Keep
        | RowChange::Checkpoint(_)
        | RowChange::Release { .. }
        | RowChange::Move { .. } => None,
    }
}
