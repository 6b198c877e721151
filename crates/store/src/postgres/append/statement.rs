//! The statement of a commit, put together from what the batch needs: a batch of ordinary steps
//! writes a journal row for each and nothing else, and its statement says nothing else.

use mainstay_core::{
    journal::JournalRow,
    store::operation::{Append, RowChange},
};

use super::{Part, change, extras, span};
use crate::{
    payload,
    postgres::{
        failure::Failed,
        home::Home,
        shared::Shared,
        sql::{Row, Sql, size},
    },
    wire,
};

/// About what a row takes besides its body and its payloads, and how many values it has.
const ROW_BYTES: usize = 256;
const ROW_VALUES: usize = 12;

/// Builds the statement of a batch: distinct runs, ascending.
pub(super) fn build(shared: &Shared, home: Home, batch: &[Part<'_>]) -> Result<Sql, Failed> {
    if batch.iter().all(|part| part.change.is_none() && is_plain(part.part)) {
        return Ok(plain(shared, home, batch));
    }
    let mut sql = Sql::new("");
    reserve(&mut sql, batch);
    let changes = batch.iter().any(|part| part.change.is_some());
    push_parts(&mut sql, batch);
    if changes {
        change::push_locks(&mut sql, home, batch);
    }
    push_fit(&mut sql, home, batch);
    if changes {
        // Reading all of `barred` takes every lock before the first row is inserted.
        sql.push(" WHERE p.part <> ALL (SELECT part FROM barred)");
    }
    push_first(&mut sql, home);
    if batch.iter().any(|part| part.part.rows.len() > 1) {
        push_rest(&mut sql, home, batch);
    }
    extras::push(&mut sql, shared, batch)?;
    if changes {
        change::push_changes(&mut sql, home, batch);
    }
    sql.push(" SELECT run_id FROM won");
    Ok(sql)
}

/// Makes room for what most of a batch is: its rows.
fn reserve(sql: &mut Sql, batch: &[Part<'_>]) {
    let inline = |row: &JournalRow| row.payloads.iter().map(|p| p.bytes().len()).sum::<usize>();
    let rows = || batch.iter().flat_map(|part| part.part.rows.iter());
    let bytes = rows().map(|row| ROW_BYTES + row.body.len() + inline(row)).sum();
    sql.reserve(ROW_VALUES * rows().count(), bytes);
}

/// Returns whether a part is one row and nothing else.
pub(in crate::postgres) fn is_plain(part: &Append) -> bool {
    let small = |row: &JournalRow| row.payloads.iter().all(payload::stays_in_row);
    part.change == RowChange::Keep
        && part.is_rows_only()
        && matches!(part.rows.as_slice(), [row] if small(row))
}

/// Returns the statement of steps. Its words depend on how many there are, and on nothing else.
fn plain(shared: &Shared, home: Home, batch: &[Part<'_>]) -> Sql {
    let which = (home, size(batch.len()));
    let known = shared.text_of_steps(which);
    let is_new = known.is_none();
    let mut sql = known.map_or_else(|| Sql::new(""), Sql::known);
    reserve(&mut sql, batch);
    push_plain(&mut sql, home, batch);
    if is_new {
        shared.keep_text_of_steps(which, sql.text());
    }
    sql
}

/// Plain parts need no word about winners: what is inserted has won.
fn push_plain(sql: &mut Sql, home: Home, batch: &[Part<'_>]) {
    push_insert(sql, home);
    sql.push(
        " SELECT p.run_id, p.head + 1, p.epoch, p.at, b.tenant, p.kind, p.prev, p.link, p.body,
                p.inline
         FROM (",
    );
    push_heads(sql, batch);
    sql.push(") AS p(part, run_id, epoch, head, seen, at, kind, prev, link, body, inline)");
    push_before(sql, home, batch);
    sql.push(" ON CONFLICT DO NOTHING RETURNING run_id");
}

/// Adds the beginning of an insert into the journal, up to where its rows come from.
fn push_insert(sql: &mut Sql, home: Home) {
    sql.push("INSERT INTO ");
    home.push(sql, "journal");
    sql.push(" (run_id, position, epoch, at, tenant, kind, prev, link, body, inline)");
}

fn push_parts(sql: &mut Sql, batch: &[Part<'_>]) {
    sql.push("WITH part(part, run_id, epoch, head, seen, at, kind, prev, link, body, inline) AS (");
    push_heads(sql, batch);
    sql.push(")");
}

/// Adds the parts' heads and first rows, by ascending run.
fn push_heads(sql: &mut Sql, batch: &[Part<'_>]) {
    let parts: Vec<_> = (1_i64..).zip(batch).collect();
    sql.push_values(&parts, |row, numbered| {
        let part = numbered.map(|(_, part)| part.part);
        row.push(numbered.map(|(n, _)| *n));
        row.push(part.map(|p| p.run_id.uuid()));
        row.push(part.map(|p| wire::int(p.epoch)));
        row.push(part.map(|p| wire::int(p.head.position)));
        row.push(part.map(|p| p.head.link.as_bytes().as_slice()));
        push_row(row, part.and_then(|p| p.rows.first()));
    });
}

fn push_row(columns: &mut Row<'_>, row: Option<&JournalRow>) {
    columns.push(row.map(|r| r.at.micros()));
    columns.push(row.map(|r| r.kind.as_str()));
    columns.push(row.map(|r| r.prev.as_bytes().as_slice()));
    columns.push(row.map(|r| r.link.as_bytes().as_slice()));
    columns.push(row.map(|r| r.body.as_slice()));
    columns.push(row.and_then(inline));
}

fn inline(row: &JournalRow) -> Option<Vec<u8>> {
    payload::encode(row.payloads.iter().filter(|payload| payload::stays_in_row(payload)))
}

fn push_fit(sql: &mut Sql, home: Home, batch: &[Part<'_>]) {
    sql.push(", fit AS MATERIALIZED (SELECT p.*, b.tenant FROM part p");
    push_before(sql, home, batch);
}

/// Leaves the parts whose row before is the one their owner saw. `LIMIT` keeps the planner from
/// turning the look-up by primary key into anything else.
fn push_before(sql: &mut Sql, home: Home, batch: &[Part<'_>]) {
    sql.push(" CROSS JOIN LATERAL (SELECT j.tenant FROM ");
    home.push(sql, "journal");
    sql.push(
        " j
                WHERE j.run_id = p.run_id AND j.position = p.head
                  AND j.link = p.seen AND j.epoch = p.epoch
                  AND j.kind NOT IN ('parked', 'released', 'finished', 'moved', 'rehomed')",
    );
    home.push_bounds(sql, "j.run_id", span(batch));
    sql.push(" LIMIT 1) b");
}

fn push_first(sql: &mut Sql, home: Home) {
    sql.push("), first AS (");
    push_insert(sql, home);
    sql.push(
        "
            SELECT run_id, head + 1, epoch, at, tenant, kind, prev, link, body, inline
            FROM fit ORDER BY part ON CONFLICT DO NOTHING RETURNING run_id),
        won AS MATERIALIZED (
            SELECT f.part, f.run_id, f.epoch, f.head, f.tenant FROM fit f JOIN first USING (run_id))",
    );
}

fn push_rest(sql: &mut Sql, home: Home, batch: &[Part<'_>]) {
    let rest: Vec<(i64, &JournalRow)> = (1_i64..)
        .zip(batch)
        .flat_map(|(n, part)| part.part.rows.iter().skip(1).map(move |row| (n, row)))
        .collect();
    sql.push(", rest AS (");
    push_insert(sql, home);
    sql.push(
        "
            SELECT w.run_id, r.position, w.epoch, r.at, w.tenant, r.kind, r.prev, r.link, r.body,
                   r.inline
            FROM won w JOIN (",
    );
    sql.push_values(&rest, |columns, numbered| {
        columns.push(numbered.map(|(n, _)| *n));
        columns.push(numbered.map(|(_, row)| wire::int(row.position)));
        push_row(columns, numbered.map(|(_, row)| *row));
    });
    sql.push(") AS r(part, position, at, kind, prev, link, body, inline) USING (part))");
}
