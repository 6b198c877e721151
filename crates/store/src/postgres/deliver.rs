//! Messages to runs: once per key, and a parked run that waited for them wakes.

use mainstay_core::{
    id::RunId,
    store::operation::{Delivered, Delivery},
    time::Timestamp,
};
use sqlx::{PgConnection, Row};

use super::{failure::Failed, rehome::home, shared::Shared};
use crate::{payload, sound, wire};

/// The run's row is locked first, so positions rise without gaps, and neither a park nor a claim
/// can come between the look at the status and the wake. `$7` and `$8` name the timer that this
/// message comes from, if any: its row goes in this transaction, or nothing happens.
const DELIVER: &str = "
WITH run AS MATERIALIZED (
    SELECT run_id, tenant, status, inbox_head, wake_after, lane, priority
    FROM mainstay.runs WHERE run_id = $1 FOR UPDATE),
earlier AS (SELECT position FROM mainstay.inbox WHERE run_id = $1 AND key = $2),
timer AS (
    DELETE FROM mainstay.timers t USING run
    WHERE t.run_id = run.run_id AND t.run_id = $1 AND t.key = $7 AND t.due_at = $8
    RETURNING t.key),
message AS (
    INSERT INTO mainstay.inbox (run_id, position, at, tenant, key, body, payloads)
    SELECT run_id, inbox_head + 1, mainstay.clock($3), tenant, $2, $4, $5 FROM run
    WHERE status IN ('queued', 'running', 'parked') AND NOT EXISTS (SELECT FROM earlier)
      AND ($7::text IS NULL OR EXISTS (SELECT FROM timer))
    ON CONFLICT DO NOTHING RETURNING run_id, position),
raised AS MATERIALIZED (
    SELECT r.*, m.position, r.status = 'parked' AND (r.wake_after <= 1 OR $6) AS wakes
    FROM run r JOIN message m USING (run_id)),
changed AS (
    UPDATE mainstay.runs r
    SET inbox_head = d.position,
        wake_after = CASE WHEN d.status = 'parked' THEN GREATEST(r.wake_after - 1, 0) ELSE r.wake_after END,
        status = CASE WHEN d.wakes THEN 'queued' ELSE r.status END,
        wait = CASE WHEN d.wakes THEN NULL ELSE r.wait END
    FROM raised d WHERE r.run_id = $1 AND r.run_id = d.run_id),
queued AS (
    INSERT INTO mainstay.ready (run_id, lane, priority, tenant)
    SELECT run_id, lane, priority, tenant FROM raised WHERE wakes ON CONFLICT DO NOTHING),
noted AS (INSERT INTO mainstay.run_changes (run_id) SELECT run_id FROM raised WHERE wakes)
SELECT (SELECT status::text FROM run) AS status, (SELECT position FROM earlier) AS earlier,
       (SELECT position FROM raised) AS position, (SELECT wakes FROM raised) AS wakes,
       EXISTS (SELECT FROM timer) AS fired";

/// The same message in two places at once: the second look finds the first.
const LOOKS: u32 = 8;

/// The timer that a message comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TimerRow {
    pub(super) run_id: RunId,
    pub(super) key: String,
    pub(super) due: Timestamp,
}

/// What became of a message, and whether its timer's row went with it.
pub(super) struct Outcome {
    pub(super) delivered: Delivered,
    pub(super) fired: bool,
}

/// Puts a message into a run's inbox.
pub(super) async fn deliver(
    sql: &mut PgConnection,
    shared: &Shared,
    delivery: &Delivery,
) -> Result<Delivered, Failed> {
    Ok(deliver_from(sql, shared, delivery, None).await?.delivered)
}

/// Puts a message into a run's inbox; if it comes from a timer, only while the timer is there.
pub(super) async fn deliver_from(
    sql: &mut PgConnection,
    shared: &Shared,
    delivery: &Delivery,
    timer: Option<&TimerRow>,
) -> Result<Outcome, Failed> {
    sound::delivery(delivery)?;
    let mut run_id = delivery.run_id;
    for _ in 0..LOOKS {
        let row = sqlx::query(DELIVER)
            .bind(run_id.uuid())
            .bind(delivery.key.as_str())
            .bind(shared.simulated())
            .bind(wire::json(&delivery.body)?)
            .bind(payload::encode(&delivery.payloads))
            .bind(delivery.body.is_urgent())
            .bind(timer.map(|timer| timer.key.as_str()))
            .bind(timer.map(|timer| timer.due.micros()))
            .fetch_one(&mut *sql)
            .await?;
        let fired = row.try_get("fired")?;
        if timer.is_none()
            && row.try_get::<Option<&str>, _>("status")?.is_none()
            && let Some(home) = home(sql, run_id).await?
        {
            run_id = home;
            continue;
        }
        if let Some(delivered) = outcome(&row)? {
            return Ok(Outcome { delivered, fired });
        }
        if timer.is_some() && !fired {
            // Somebody else fired or dropped it: there is nothing to tell.
            return Ok(Outcome { delivered: Delivered::Unknown, fired });
        }
    }
    Err(Failed::Victim("a message kept meeting its double".to_owned()))
}

/// Reads the answer; `None` if a double came in between and the next look will find it.
fn outcome(row: &sqlx::postgres::PgRow) -> Result<Option<Delivered>, Failed> {
    let Some(status) = row.try_get::<Option<&str>, _>("status")? else {
        return Ok(Some(Delivered::Unknown));
    };
    if let Some(earlier) = row.try_get::<Option<i64>, _>("earlier")? {
        return Ok(Some(Delivered::Duplicate { position: wire::count(earlier)? }));
    }
    if wire::status(status)?.is_terminal() {
        return Ok(Some(Delivered::Ended));
    }
    let Some(position) = row.try_get::<Option<i64>, _>("position")? else { return Ok(None) };
    let woke = row.try_get::<Option<bool>, _>("wakes")?.unwrap_or_default();
    Ok(Some(Delivered::Accepted { position: wire::count(position)?, woke }))
}
