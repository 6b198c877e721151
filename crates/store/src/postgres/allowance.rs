//! Caps that many runs share: accounts, and what each session was given of them.
//!
//! A wish and a report are each a short transaction. It holds the session's row for share, so that a
//! revocation comes before or after it, and then the account's row, so that two sessions are given
//! their chunks one after the other.

use mainstay_core::{
    allowance::{AccountKey, Tally},
    budget::Spend,
    id::SessionId,
    store::operation::{AccountRow, AccountsAt, LeaseChunk, Leased, ReportChunk, Reported},
    time::Timestamp,
};
use sqlx::{
    Connection, PgConnection, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{connect::finish, failure::Failed, shared::Shared};
use crate::{sound, wire};

type Statement<'q> = Query<'q, Postgres, PgArguments>;

fn of<'q>(sql: &'static str, account: &'q AccountKey) -> Statement<'q> {
    let AccountKey { scope, period, begins } = account;
    sqlx::query(sql).bind(scope.as_str()).bind(period.as_str()).bind(begins.micros())
}

fn tally(row: &PgRow) -> Result<Tally, Failed> {
    let granted = wire::read_json(row.try_get("granted")?)?;
    Ok(Tally { granted, spent: wire::read_json(row.try_get("spent")?)? })
}

/// Gives a session a chunk, and counts it as given out.
pub(super) async fn lease_chunk(
    sql: &mut PgConnection,
    shared: &Shared,
    wish: &LeaseChunk,
) -> Result<Leased, Failed> {
    sound::account(&wish.account)?;
    let mut transaction = sql.begin().await?;
    let leased = lease_within(&mut transaction, shared, wish).await;
    finish(transaction, leased.is_ok()).await?;
    leased
}

async fn lease_within(
    sql: &mut PgConnection,
    shared: &Shared,
    wish: &LeaseChunk,
) -> Result<Leased, Failed> {
    if !lives(sql, shared, wish.session).await? {
        return Ok(Leased::Over);
    }
    let (mut account, mut lease, turn) = tallies(sql, &wish.account, wish.session).await?;
    if wish.turn < turn {
        return Ok(Leased::Over);
    }
    let leased = account.lease(&mut lease, &wish.limits, &wish.spent, &wish.need);
    keep(sql, &wish.account, wish.session, (account, lease, wish.turn)).await?;
    Ok(match leased {
        Ok(()) => Leased::Granted(lease.granted),
        Err(exhausted) => {
            let held = held(sql, shared, &wish.account, wish.session.uuid()).await?;
            let lent = account.lent(lease, &held, &wish.limits, &wish.need);
            Leased::Exhausted { exhausted, lent }
        }
    })
}

/// Counts what a session has spent, and takes back what it does not keep.
pub(super) async fn report_chunk(
    sql: &mut PgConnection,
    shared: &Shared,
    report: &ReportChunk,
) -> Result<Reported, Failed> {
    sound::account(&report.account)?;
    let mut transaction = sql.begin().await?;
    let reported = report_within(&mut transaction, shared, report).await;
    finish(transaction, reported.is_ok()).await?;
    reported
}

async fn report_within(
    sql: &mut PgConnection,
    shared: &Shared,
    report: &ReportChunk,
) -> Result<Reported, Failed> {
    if !lives(sql, shared, report.session).await? {
        return Ok(Reported::Over);
    }
    let (mut account, mut lease, turn) = tallies(sql, &report.account, report.session).await?;
    if report.turn < turn {
        return Ok(Reported::Over);
    }
    account.report(&mut lease, &report.spent, &report.keep);
    keep(sql, &report.account, report.session, (account, lease, report.turn)).await?;
    Ok(Reported::Counted)
}

/// Returns the accounts whose period holds a time.
pub(super) async fn accounts(
    sql: &mut PgConnection,
    shared: &Shared,
    AccountsAt { at }: AccountsAt,
) -> Result<Vec<AccountRow>, Failed> {
    let find = "SELECT scope, period, begins, granted, spent FROM mainstay.budget_accounts
                WHERE begins <= $1 AND ends > $1
                ORDER BY scope COLLATE \"C\", period COLLATE \"C\", begins";
    let rows = sqlx::query(find).bind(at.micros()).fetch_all(&mut *sql).await?;
    let mut accounts = Vec::new();
    for row in &rows {
        let account = AccountKey {
            scope: row.try_get("scope")?,
            period: wire::period(row.try_get("period")?)?,
            begins: Timestamp::from_micros(row.try_get("begins")?),
        };
        let held = held(sql, shared, &account, Uuid::nil()).await?;
        accounts.push(AccountRow { account, tally: tally(row)?, held });
    }
    Ok(accounts)
}

async fn lives(
    sql: &mut PgConnection,
    shared: &Shared,
    session: SessionId,
) -> Result<bool, Failed> {
    let find = "SELECT session_id FROM mainstay.workers
                WHERE session_id = $1 AND NOT revoked AND expires_at > mainstay.clock($2)
                FOR KEY SHARE";
    let find = sqlx::query(find).bind(session.uuid()).bind(shared.simulated());
    Ok(find.fetch_optional(sql).await?.is_some())
}

/// Locks the account and reads both sides. An account that is not there yet is made, so that there
/// is something to lock.
async fn tallies(
    sql: &mut PgConnection,
    account: &AccountKey,
    session: SessionId,
) -> Result<(Tally, Tally, u64), Failed> {
    let find = "SELECT granted, spent FROM mainstay.budget_accounts
                WHERE scope = $1 AND period = $2 AND begins = $3 FOR UPDATE";
    let found = match of(find, account).fetch_optional(&mut *sql).await? {
        Some(row) => row,
        None => {
            let add = "INSERT INTO mainstay.budget_accounts
                           (scope, period, begins, ends, granted, spent)
                       VALUES ($1, $2, $3, $4, '{}', '{}') ON CONFLICT DO NOTHING";
            of(add, account).bind(account.ends().micros()).execute(&mut *sql).await?;
            of(find, account).fetch_one(&mut *sql).await?
        }
    };
    let lease = "SELECT granted, spent, turn FROM mainstay.budget_leases
                 WHERE scope = $1 AND period = $2 AND begins = $3 AND session_id = $4";
    let lease = of(lease, account).bind(session.uuid()).fetch_optional(sql).await?;
    let turn = lease.as_ref().map_or(Ok(0), |row| row.try_get("turn"))?;
    let lease = lease.as_ref().map(tally).transpose()?.unwrap_or_default();
    Ok((tally(&found)?, lease, wire::count(turn)?))
}

/// Writes both sides, in one transaction: that is the whole of the promise.
async fn keep(
    sql: &mut PgConnection,
    key: &AccountKey,
    session: SessionId,
    (account, lease, turn): (Tally, Tally, u64),
) -> Result<(), Failed> {
    let set = "UPDATE mainstay.budget_accounts SET granted = $4, spent = $5
               WHERE scope = $1 AND period = $2 AND begins = $3";
    with(of(set, key), &account)?.execute(&mut *sql).await?;
    let set = "INSERT INTO mainstay.budget_leases
                   (scope, period, begins, session_id, granted, spent, turn)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (scope, period, begins, session_id)
               DO UPDATE SET granted = $5, spent = $6, turn = $7";
    let set = with(of(set, key).bind(session.uuid()), &lease)?.bind(wire::int(turn));
    set.execute(sql).await?;
    Ok(())
}

fn with<'q>(set: Statement<'q>, tally: &Tally) -> Result<Statement<'q>, Failed> {
    Ok(set.bind(wire::json(&tally.granted)?).bind(wire::json(&tally.spent)?))
}

/// Returns what sessions that live hold of an account, but for one.
async fn held(
    sql: &mut PgConnection,
    shared: &Shared,
    account: &AccountKey,
    but_for: Uuid,
) -> Result<Spend, Failed> {
    let find = "SELECT l.granted, l.spent FROM mainstay.budget_leases l
                JOIN mainstay.workers w USING (session_id)
                WHERE l.scope = $1 AND l.period = $2 AND l.begins = $3 AND session_id <> $4
                  AND NOT w.revoked AND w.expires_at > mainstay.clock($5)";
    let find = of(find, account).bind(but_for).bind(shared.simulated());
    let mut held = Spend::ZERO;
    for row in &find.fetch_all(sql).await? {
        held = held.plus(&tally(row)?.open());
    }
    Ok(held)
}
