//! What rides along with a part's rows: large payloads, messages, timers, reviews.

use std::collections::BTreeMap;

use mainstay_core::{
    payload::Payload,
    review::ReviewRequest,
    store::operation::{Append, RowChange},
    time::Timestamp,
};

use super::Part;
use crate::{
    payload,
    postgres::{failure::Failed, shared::Shared, sql::Sql},
    wire,
};

/// Adds what the batch has of it, joined to the winners.
pub(super) fn push(sql: &mut Sql, shared: &Shared, batch: &[Part<'_>]) -> Result<(), Failed> {
    push_payloads(sql, batch);
    push_messages(sql, batch)?;
    push_timers(sql, batch);
    push_timers_off(sql, batch);
    push_reviews(sql, shared, batch)?;
    push_reviews_off(sql, batch);
    Ok(())
}

/// Returns what `of` finds in each part, with the part's number from 1.
fn each<'a, 'p, T: 'a>(
    batch: &'a [Part<'p>],
    of: impl Fn(&'a Part<'p>) -> Vec<T>,
) -> Vec<(i64, T)> {
    (1_i64..).zip(batch).flat_map(|(n, p)| of(p).into_iter().map(move |found| (n, found))).collect()
}

fn push_payloads(sql: &mut Sql, batch: &[Part<'_>]) {
    let large = each(batch, |p| {
        let week = wire::week(p.part.run_id);
        p.part.rows.iter().flat_map(|r| payload::split(&r.payloads).1).map(|l| (week, l)).collect()
    });
    if large.is_empty() {
        return;
    }
    sql.push(
        ", stored AS (
            INSERT INTO mainstay.payloads (week, tenant, digest, bytes)
            SELECT s.week, w.tenant, s.digest, s.bytes FROM won w JOIN unnest(",
    );
    sql.push_array(large.iter().map(|(n, _)| *n).collect(), "bigint[], ");
    push_stored(sql, &large.iter().map(|(_, found)| *found).collect::<Vec<_>>());
    // In one order, so that two commits with the same payloads never wait for each other.
    sql.push(
        ") AS s(part, week, digest, bytes) USING (part)
            ORDER BY s.week, w.tenant, s.digest ON CONFLICT DO NOTHING)",
    );
}

/// Adds the columns week, digest and stored bytes.
pub(in crate::postgres) fn push_stored(sql: &mut Sql, large: &[(i64, &Payload)]) {
    sql.push_array(large.iter().map(|(week, _)| *week).collect(), "bigint[], ");
    sql.push_array(large.iter().map(|(_, l)| *l.digest().as_bytes()).collect(), "bytea[], ");
    sql.push_array(large.iter().map(|(_, l)| payload::compress(l)).collect(), "bytea[]");
}

fn push_messages(sql: &mut Sql, batch: &[Part<'_>]) -> Result<(), Failed> {
    let messages = each(batch, |p| (0_i32..).zip(&p.part.outbox).collect());
    if messages.is_empty() {
        return Ok(());
    }
    let texts = messages.iter().map(|(_, (_, m))| wire::json(m)).collect::<Result<Vec<_>, _>>()?;
    sql.push(
        ", sent AS (
            INSERT INTO mainstay.outbox (run_id, position, n, tenant, message)
            SELECT w.run_id, w.head + 1, m.n, w.tenant, m.message FROM won w JOIN unnest(",
    );
    sql.push_array(messages.iter().map(|(n, _)| *n).collect(), "bigint[], ");
    sql.push_array(messages.iter().map(|(_, (n, _))| *n).collect(), "int[], ");
    sql.push_array(texts, "text[]");
    sql.push(") AS m(part, n, message) USING (part) ORDER BY m.part, m.n)");
    Ok(())
}

fn push_timers(sql: &mut Sql, batch: &[Part<'_>]) {
    let timers = each(batch, timers_to_set);
    if timers.is_empty() {
        return;
    }
    sql.push(
        ", set_timers AS (
            INSERT INTO mainstay.timers (run_id, tenant, key, due_at)
            SELECT w.run_id, w.tenant, t.key, t.due_at FROM won w JOIN unnest(",
    );
    sql.push_array(timers.iter().map(|(n, _)| *n).collect(), "bigint[], ");
    sql.push_array(timers.iter().map(|(_, (key, _))| *key).collect(), "text[], ");
    sql.push_array(timers.iter().map(|(_, (_, due))| *due).collect(), "bigint[]");
    sql.push(
        ") AS t(part, key, due_at) USING (part)
            ORDER BY t.part, t.key
            ON CONFLICT (run_id, key) DO UPDATE SET due_at = excluded.due_at)",
    );
}

/// Returns the last timer of each key; none of a run that ends with this part.
fn timers_to_set<'a>(part: &'a Part<'_>) -> Vec<(&'a str, i64)> {
    if ends(part.part) {
        return Vec::new();
    }
    let timers = part.part.timers.iter().map(|(key, due)| (key.as_str(), due.micros()));
    timers.collect::<BTreeMap<_, _>>().into_iter().collect()
}

const fn ends(part: &Append) -> bool {
    matches!(part.change, RowChange::Finish { .. })
}

fn push_timers_off(sql: &mut Sql, batch: &[Part<'_>]) {
    let off = each(batch, |p| {
        let set = |key: &&String| p.part.timers.iter().any(|(k, _)| k == *key);
        let dropped = p.part.timers_off.iter().filter(|key| !set(key));
        dropped.map(|key| (p.part.run_id.uuid(), key.as_str())).collect()
    });
    if off.is_empty() {
        return;
    }
    sql.push(
        ", dropped_timers AS (
            DELETE FROM mainstay.timers t USING won w, unnest(",
    );
    sql.push_array(off.iter().map(|(n, _)| *n).collect(), "bigint[], ");
    sql.push_array(off.iter().map(|(_, (_, key))| *key).collect(), "text[]");
    sql.push(
        ") AS o(part, key)
            WHERE w.part = o.part AND t.run_id = w.run_id AND t.key = o.key AND t.run_id = ANY(",
    );
    sql.push_array(off.iter().map(|(_, (run, _))| *run).collect(), "uuid[]))");
}

fn push_reviews(sql: &mut Sql, shared: &Shared, batch: &[Part<'_>]) -> Result<(), Failed> {
    let reviews: Vec<(i64, (bool, &ReviewRequest))> =
        each(batch, |p| p.part.reviews.iter().map(|r| (!ends(p.part), r)).collect());
    if reviews.is_empty() {
        return Ok(());
    }
    let texts = reviews.iter().map(|(_, (_, r))| wire::json(r)).collect::<Result<Vec<_>, _>>()?;
    sql.push(
        ", opened AS (
            INSERT INTO mainstay.reviews
                (review_id, run_id, opened_at, expires_at, open, tenant, queue, digest, request)
            SELECT v.review_id, w.run_id, mainstay.clock(",
    );
    sql.push_bind(shared.simulated());
    sql.push(
        "::bigint), v.expires_at, v.open, w.tenant, v.queue, v.digest, v.request FROM won w JOIN unnest(",
    );
    sql.push_array(reviews.iter().map(|(n, _)| *n).collect(), "bigint[], ");
    sql.push_array(reviews.iter().map(|(_, (_, r))| r.review_id.uuid()).collect(), "uuid[], ");
    sql.push_array(
        reviews.iter().map(|(_, (_, r))| r.expires_at.map(Timestamp::micros)).collect(),
        "bigint[], ",
    );
    sql.push_array(reviews.iter().map(|(_, (open, _))| *open).collect(), "boolean[], ");
    sql.push_array(reviews.iter().map(|(_, (_, r))| r.queue.as_str()).collect(), "text[], ");
    sql.push_array(
        reviews.iter().map(|(_, (_, r))| *r.subject_digest.as_bytes()).collect(),
        "bytea[], ",
    );
    sql.push_array(texts, "text[]");
    sql.push(
        ") AS v(part, review_id, expires_at, open, queue, digest, request) USING (part)
            ORDER BY v.review_id ON CONFLICT DO NOTHING)",
    );
    Ok(())
}

fn push_reviews_off(sql: &mut Sql, batch: &[Part<'_>]) {
    let off = each(batch, |p| p.part.reviews_off.iter().map(|id| id.uuid()).collect());
    if off.is_empty() {
        return;
    }
    sql.push(
        ", closed AS (
            UPDATE mainstay.reviews v SET open = false FROM won w JOIN unnest(",
    );
    sql.push_array(off.iter().map(|(n, _)| *n).collect(), "bigint[], ");
    sql.push_array(off.iter().map(|(_, id)| *id).collect(), "uuid[]");
    sql.push(
        ") AS o(part, review_id) USING (part)
            WHERE v.run_id = w.run_id AND v.open AND v.review_id = o.review_id
              AND v.review_id = ANY(",
    );
    sql.push_array(off.into_iter().map(|(_, id)| id).collect(), "uuid[]))");
}
