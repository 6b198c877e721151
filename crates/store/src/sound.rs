//! What is refused before a table is touched, the same by every store.
//!
//! Postgres refuses `\0` in text and would abort a whole batch over it; SQLite takes it. What one
//! refuses all refuse, by the same function, so that a run never depends on where it was tested.

use mainstay_core::{
    allowance::AccountKey,
    id::RunId,
    journal::JournalRow,
    store::{
        StoreError,
        operation::{Append, Delivery, NewRun, OpenSession, OutboxMessage, Rehome, RowChange},
    },
};

use crate::wire::ends_ownership;

/// Says why a part of a commit can never be accepted, if so.
pub(crate) fn part(part: &Append) -> Result<(), String> {
    rows_follow(part)?;
    last_entry_fits(part)?;
    let keys = part.timers.iter().map(|(key, _)| key).chain(&part.timers_off);
    keys.map(String::as_str).chain(review_texts(part)).try_for_each(text)?;
    part.outbox.iter().try_for_each(message)?;
    let unsound = |why| format!("a statement of the author's: {why}");
    part.local.iter().try_for_each(|write| write.check().map_err(unsound))
}

fn rows_follow(part: &Append) -> Result<(), String> {
    if part.rows.is_empty() {
        return Err("a part without rows".to_owned());
    }
    for (row, position) in part.rows.iter().zip(part.head.position + 1..) {
        if row.position != position {
            return Err(format!("row {} where {position} follows", row.position));
        }
        if row.epoch != part.epoch {
            return Err(format!("row {position} has epoch {}, not {}", row.epoch, part.epoch));
        }
        if matches!(row.kind.as_str(), "created" | "claimed" | "moved" | "rehomed") {
            return Err(format!("an owner cannot append `{}`", row.kind));
        }
        text(&row.kind)?;
    }
    Ok(())
}

/// An owner that parks, releases or ends a run in the journal must do so in its row, and the
/// other way round; nothing follows such an entry.
fn last_entry_fits(part: &Append) -> Result<(), String> {
    let Some((last, before)) = part.rows.split_last() else { return Ok(()) };
    if let Some(early) = before.iter().find(|row| ends_ownership(&row.kind)) {
        return Err(format!("rows after `{}`", early.kind));
    }
    let fits = match (&part.change, last.kind.as_str()) {
        (RowChange::Park { .. }, kind) => kind == "parked",
        (RowChange::Release { .. }, kind) => kind == "released",
        (RowChange::Finish { status, .. }, kind) => kind == "finished" && status.is_terminal(),
        (RowChange::Keep | RowChange::Checkpoint(_), kind) => !ends_ownership(kind),
        (RowChange::Move { .. }, kind) => !matches!(kind, "parked" | "finished"),
    };
    if fits { Ok(()) } else { Err(format!("`{}` with another change of the row", last.kind)) }
}

fn review_texts(part: &Append) -> impl Iterator<Item = &str> {
    part.reviews.iter().flat_map(|review| [review.title.as_str(), review.queue.as_str()])
}

fn message(message: &OutboxMessage) -> Result<(), String> {
    match message {
        OutboxMessage::StartChild { flow, tenant, created, .. } => {
            [&flow.name, tenant, created].into_iter().try_for_each(|t| text(t))
        }
        OutboxMessage::Tell { key, .. } => text(key),
        OutboxMessage::Emit { subject, payload, .. } => text(subject).and_then(|()| text(payload)),
    }
}

/// Says why a run can never be started, if so.
pub(crate) fn new_run(run: &NewRun) -> Result<(), StoreError> {
    let key = run.key.as_ref().map(|(key, _)| key.as_str()).unwrap_or_default();
    if run.first.position != 1 || run.first.epoch != 0 || run.first.kind != "created" {
        return Err(StoreError::Illegal(format!(
            "a run begins with `created` at 1 of epoch 0, not with `{}` at {} of {}",
            run.first.kind, run.first.position, run.first.epoch
        )));
    }
    refuse(Some(run.run_id), [&run.tenant, &run.flow.name, key, &run.tags])
}

/// Says why a move can never be, if so: two rows end a journal, one begins another, and they name
/// each other.
pub(crate) fn rehome(wish: &Rehome) -> Result<(), StoreError> {
    let [claimed, moved] = &wish.rows;
    let next = wish.head.position + 1;
    let follows = |row: &JournalRow, kind: &str, position| {
        row.kind == kind && row.position == position && row.epoch == wish.epoch + 1
    };
    let ends = follows(claimed, "claimed", next) && follows(moved, "moved", next + 1);
    if ends && follows(&wish.first, "rehomed", 1) && wish.run_id != wish.to {
        return Ok(());
    }
    let why = format!("rows of {} and {} that make no move", wish.run_id, wish.to);
    Err(StoreError::Illegal(why))
}

/// Says why a message can never be delivered, if so.
pub(crate) fn delivery(delivery: &Delivery) -> Result<(), StoreError> {
    refuse(Some(delivery.run_id), [delivery.key.as_str()])
}

/// Says why a session can never be opened, if so.
pub(crate) fn session(session: &OpenSession) -> Result<(), StoreError> {
    refuse(None, session.lanes.iter().map(|l| l.name.as_str()).chain([session.name.as_str()]))
}

/// Says why there can be no such account, if so.
pub(crate) fn account(account: &AccountKey) -> Result<(), StoreError> {
    refuse(None, [account.scope.as_str()])
}

fn refuse<'a>(
    run_id: Option<RunId>,
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<(), StoreError> {
    texts.into_iter().try_for_each(text).map_err(|message| StoreError::Poison { run_id, message })
}

fn text(text: &str) -> Result<(), String> {
    if text.contains('\0') { Err(format!("a zero character in {text:?}")) } else { Ok(()) }
}
