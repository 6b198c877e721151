//! What a part does to its run's row, as the columns of the statement.

use mainstay_core::{
    run::RunStatus,
    store::operation::{Append, RowChange},
};
use sqlx::PgConnection;

use super::{Part, span};
use crate::{
    postgres::{failure::Failed, home::Home, shared::Shared, sql::Sql},
    wire,
};

/// A change of a run's row; the row's lock is taken before the first journal insert.
#[derive(Debug, Clone, Default)]
pub(super) struct Change {
    /// The new status; without one the run stays its owner's.
    status: Option<RunStatus>,
    inbox_seen: Option<i64>,
    wait: Option<String>,
    wake_after: i32,
    checkpoint: Option<i64>,
    lane: Option<i32>,
    calm: bool,
    /// Whether the part is void if the run is no longer its owner's.
    needs_run: bool,
}

impl Change {
    /// Returns whether it forgets the run's crashes.
    pub(super) const fn is_calm(&self) -> bool {
        self.calm
    }
}

/// Returns what `part` does to its run's row; `None` for an ordinary step.
pub(super) async fn of(
    sql: &mut PgConnection,
    shared: &Shared,
    part: &Append,
) -> Result<Option<Change>, Failed> {
    let calm = part.rows.iter().any(|row| wire::is_progress(&row.kind));
    let base = Change { calm, needs_run: true, ..Change::default() };
    let change = match &part.change {
        RowChange::Keep => {
            let forgets = calm && shared.is_shaky(part.run_id);
            return Ok(forgets.then_some(Change { needs_run: false, ..base }));
        }
        RowChange::Checkpoint(at) => Change { checkpoint: Some(wire::int(*at)), ..base },
        RowChange::Park { inbox_seen, wait, checkpoint } => Change {
            status: Some(RunStatus::Parked),
            inbox_seen: Some(wire::int(*inbox_seen)),
            wait: Some(wire::json(wait)?),
            wake_after: i32::try_from(wait.wake_after()).unwrap_or(i32::MAX),
            checkpoint: checkpoint.map(wire::int),
            ..base
        },
        RowChange::Release { checkpoint } => Change {
            status: Some(RunStatus::Queued),
            checkpoint: checkpoint.map(wire::int),
            ..base
        },
        RowChange::Finish { inbox_seen, status } => {
            Change { status: Some(*status), inbox_seen: Some(wire::int(*inbox_seen)), ..base }
        }
        RowChange::Move { to } => Change {
            status: Some(RunStatus::Queued),
            lane: Some(shared.lane(sql, to).await?),
            ..base
        },
    };
    Ok(Some(change))
}

/// Adds the wanted changes, the locked rows, and the parts whose change misses.
pub(super) fn push_locks(sql: &mut Sql, home: Home, batch: &[Part<'_>]) {
    let changes: Vec<_> = changes(batch).collect();
    sql.push(
        ", change(part, place, run_id, epoch, status, inbox_seen, wait, wake_after, checkpoint, lane, calm,
                needs_run) AS MATERIALIZED (",
    );
    sql.push_values(&changes, |columns, change| {
        let part = change.map(|(_, part, _)| part.part);
        let part_number = change.map(|(n, ..)| *n);
        let place = change.map(|(_, part, _)| i64::try_from(part.place).unwrap_or(i64::MAX));
        let change = change.map(|(.., change)| change);
        columns.push(part_number);
        columns.push(place);
        columns.push(part.map(|p| p.run_id.uuid()));
        columns.push(part.map(|p| wire::int(p.epoch)));
        columns.push(change.and_then(|c| c.status).map(RunStatus::as_str));
        columns.push(change.and_then(|c| c.inbox_seen));
        columns.push(change.and_then(|c| c.wait.as_deref()));
        columns.push(change.map(|c| c.wake_after));
        columns.push(change.and_then(|c| c.checkpoint));
        columns.push(change.and_then(|c| c.lane));
        columns.push(change.map(|c| c.calm));
        columns.push(change.map(|c| c.needs_run));
    });
    sql.push(
        "),
        locked AS MATERIALIZED (
            SELECT c.part, r.inbox_head, r.priority, r.lane,
                   r.status = 'running' AND r.epoch = c.epoch AS held
            FROM change c CROSS JOIN LATERAL (
                SELECT * FROM ",
    );
    home.push(sql, "runs");
    sql.push(" WHERE run_id = c.run_id");
    home.push_bounds(sql, "run_id", span(batch));
    sql.push(
        " FOR UPDATE) r),
        barred AS MATERIALIZED (
            SELECT c.part FROM change c LEFT JOIN locked l USING (part)
            WHERE c.needs_run AND (l.held IS NOT TRUE
                  OR l.inbox_head <> COALESCE(c.inbox_seen, l.inbox_head)))",
    );
}

/// Adds the changes of the winners' rows, and what follows from them in the small tables.
pub(super) fn push_changes(sql: &mut Sql, home: Home, batch: &[Part<'_>]) {
    let runs: Vec<_> = changes(batch).map(|(_, p, _)| p.part.run_id.uuid()).collect();
    sql.push(
        ", due AS MATERIALIZED (
            SELECT c.*, l.priority, COALESCE(c.lane, l.lane) AS new_lane, w.tenant
            FROM won w JOIN change c USING (part) JOIN locked l USING (part)),
        changed AS (
            UPDATE ",
    );
    home.push(sql, "runs");
    sql.push(
        " r
            SET status = COALESCE(d.status::mainstay.run_status, r.status),
                owner = CASE WHEN d.status IS NULL THEN r.owner END,
                wait = CASE WHEN d.status IS NULL THEN r.wait ELSE d.wait END,
                inbox_read = COALESCE(d.inbox_seen, r.inbox_read),
                wake_after = CASE WHEN d.status IS NULL THEN r.wake_after ELSE d.wake_after END,
                checkpoint = COALESCE(d.checkpoint, r.checkpoint),
                lane = d.new_lane,
                crashes = CASE WHEN d.calm THEN 0 ELSE r.crashes END
            FROM due d WHERE r.run_id = d.run_id AND r.run_id = ANY(",
    );
    sql.push_array(runs.clone(), "uuid[]");
    sql.push(")");
    home.push_bounds(sql, "r.run_id", span(batch));
    sql.push(
        "),
        given_up AS (
            DELETE FROM mainstay.claims WHERE run_id = ANY(",
    );
    sql.push_array(runs, "uuid[]");
    sql.push(
        ") AND run_id IN (SELECT run_id FROM due WHERE status IS NOT NULL)),
        noted AS (
            INSERT INTO mainstay.run_changes (run_id)
            SELECT run_id FROM due WHERE status IS NOT NULL ORDER BY part)",
    );
    if changes(batch).any(|(.., change)| change.status == Some(RunStatus::Queued)) {
        // Rows are locked in the order of runs, and the queue stands in the order in which the runs
        // were given back.
        sql.push(
            ",
        queued AS (
            INSERT INTO mainstay.ready (run_id, lane, priority, tenant)
            SELECT run_id, new_lane, priority, tenant FROM due WHERE status = 'queued'
            ORDER BY place ON CONFLICT DO NOTHING)",
        );
    }
    push_ends(sql, batch);
}

/// Adds what ends with a run: its timers and its open reviews.
fn push_ends(sql: &mut Sql, batch: &[Part<'_>]) {
    let ended = |c: &Change| c.status.is_some_and(RunStatus::is_terminal);
    let runs: Vec<_> = changes(batch)
        .filter(|(.., change)| ended(change))
        .map(|(_, p, _)| p.part.run_id.uuid())
        .collect();
    if runs.is_empty() {
        return;
    }
    sql.push(", ended_timers AS (DELETE FROM mainstay.timers WHERE run_id = ANY(");
    sql.push_array(runs.clone(), "uuid[]");
    sql.push(
        ") AND run_id IN (SELECT run_id FROM due)),
        ended_reviews AS (
            UPDATE mainstay.reviews SET open = false WHERE open AND run_id = ANY(",
    );
    sql.push_array(runs, "uuid[]");
    sql.push(") AND run_id IN (SELECT run_id FROM due))");
}

/// Returns the changes with their parts' numbers, from 1.
fn changes<'a, 'p>(batch: &'a [Part<'p>]) -> impl Iterator<Item = (i64, &'a Part<'p>, &'a Change)> {
    (1_i64..).zip(batch).filter_map(|(n, part)| part.change.as_ref().map(|c| (n, part, c)))
}
