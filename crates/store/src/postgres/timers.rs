//! Due timers become messages.

use std::time::Duration;

use mainstay_core::{
    id::RunId,
    inbox::InboxBody,
    store::operation::{Delivery, FireTimers, FiredTimers},
    time::Timestamp,
};
use sqlx::{PgConnection, Row};

use super::{
    deliver::{TimerRow, deliver_from},
    failure::Failed,
    shared::Shared,
};
use crate::wire;

/// Fires what is due, each timer in a transaction of its own.
pub(super) async fn fire_timers(
    sql: &mut PgConnection,
    shared: &Shared,
    request: FireTimers,
) -> Result<FiredTimers, Failed> {
    let mut fired = 0;
    for timer in due(sql, shared, request.limit).await? {
        fired += u32::from(fire(sql, shared, &timer).await?);
    }
    Ok(FiredTimers { fired, next_in: next_in(sql, shared).await? })
}

async fn due(sql: &mut PgConnection, shared: &Shared, limit: u32) -> Result<Vec<TimerRow>, Failed> {
    let rows = sqlx::query(
        "SELECT run_id, key, due_at FROM mainstay.timers
         WHERE shard = 0 AND due_at <= mainstay.clock($1) ORDER BY due_at, run_id, key LIMIT $2",
    )
    .bind(shared.simulated())
    .bind(i64::from(limit))
    .fetch_all(sql)
    .await?;
    let timer = |row: &sqlx::postgres::PgRow| {
        Ok(TimerRow {
            run_id: RunId::from_uuid(row.try_get("run_id")?),
            key: row.try_get("key")?,
            due: Timestamp::from_micros(row.try_get("due_at")?),
        })
    };
    rows.iter().map(timer).collect()
}

async fn fire(sql: &mut PgConnection, shared: &Shared, timer: &TimerRow) -> Result<bool, Failed> {
    let delivery = Delivery {
        run_id: timer.run_id,
        key: wire::timer_key(&timer.key, timer.due),
        body: InboxBody::TimerFired { key: timer.key.clone(), due: Some(timer.due) },
        payloads: Vec::new(),
    };
    Ok(deliver_from(sql, shared, &delivery, Some(timer)).await?.fired)
}

async fn next_in(sql: &mut PgConnection, shared: &Shared) -> Result<Option<Duration>, Failed> {
    let next = "SELECT min(due_at), mainstay.clock($1) FROM mainstay.timers WHERE shard = 0";
    let row = sqlx::query(next).bind(shared.simulated()).fetch_one(sql).await?;
    let now = Timestamp::from_micros(row.try_get(1)?);
    let due: Option<i64> = row.try_get(0)?;
    Ok(due.map(|due| Timestamp::from_micros(due).since(now)))
}
