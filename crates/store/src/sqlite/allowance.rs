//! Caps that many runs share: accounts, and what each session was given of them.

use mainstay_core::{
    allowance::{AccountKey, Tally},
    budget::Spend,
    id::SessionId,
    store::{
        StoreError,
        operation::{AccountRow, AccountsAt, LeaseChunk, Leased, ReportChunk, Reported},
    },
    time::Timestamp,
};
use sqlx::sqlite::SqliteRow;

use super::scope::{Blob, Scope, Statement, column};
use crate::{sound, wire};

fn of<'q>(sql: &'static str, account: &AccountKey) -> Statement<'q> {
    let AccountKey { scope, period, begins } = account;
    sqlx::query(sql).bind(scope.clone()).bind(period.as_str()).bind(begins.micros())
}

fn tally(row: &SqliteRow) -> Result<Tally, StoreError> {
    let granted = wire::read_json(column(row, "granted")?)?;
    Ok(Tally { granted, spent: wire::read_json(column(row, "spent")?)? })
}

fn account(row: &SqliteRow) -> Result<AccountKey, StoreError> {
    let period: &str = column(row, "period")?;
    Ok(AccountKey {
        scope: column(row, "scope")?,
        period: wire::period(period)?,
        begins: Timestamp::from_micros(column(row, "begins")?),
    })
}

impl Scope<'_> {
    /// Gives a session a chunk, and counts it as given out.
    pub(super) async fn lease_chunk(&mut self, wish: &LeaseChunk) -> Result<Leased, StoreError> {
        sound::account(&wish.account)?;
        if !self.lives(wish.session).await? {
            return Ok(Leased::Over);
        }
        let (mut account, mut lease, turn) = self.tallies(&wish.account, wish.session).await?;
        if wish.turn < turn {
            return Ok(Leased::Over);
        }
        let leased = account.lease(&mut lease, &wish.limits, &wish.spent, &wish.need);
        self.keep_tallies(&wish.account, wish.session, account, (lease, wish.turn)).await?;
        Ok(match leased {
            Ok(()) => Leased::Granted(lease.granted),
            Err(exhausted) => {
                let held = self.held(&wish.account, wish.session.blob()).await?;
                let lent = account.lent(lease, &held, &wish.limits, &wish.need);
                Leased::Exhausted { exhausted, lent }
            }
        })
    }

    /// Counts what a session has spent, and takes back what it does not keep.
    pub(super) async fn report_chunk(
        &mut self,
        report: &ReportChunk,
    ) -> Result<Reported, StoreError> {
        sound::account(&report.account)?;
        if !self.lives(report.session).await? {
            return Ok(Reported::Over);
        }
        let (mut account, mut lease, turn) = self.tallies(&report.account, report.session).await?;
        if report.turn < turn {
            return Ok(Reported::Over);
        }
        account.report(&mut lease, &report.spent, &report.keep);
        self.keep_tallies(&report.account, report.session, account, (lease, report.turn)).await?;
        Ok(Reported::Counted)
    }

    /// Returns the accounts whose period holds a time.
    pub(super) async fn accounts(
        &mut self,
        AccountsAt { at }: AccountsAt,
    ) -> Result<Vec<AccountRow>, StoreError> {
        let find = "SELECT * FROM mainstay_budget_accounts WHERE begins <= ?1 AND ends > ?1
                    ORDER BY scope, period, begins";
        let mut accounts = Vec::new();
        for row in self.rows(sqlx::query(find).bind(at.micros())).await? {
            let account = account(&row)?;
            let held = self.held(&account, Vec::new()).await?;
            accounts.push(AccountRow { account, tally: tally(&row)?, held });
        }
        Ok(accounts)
    }

    async fn lives(&mut self, session: SessionId) -> Result<bool, StoreError> {
        let find = "SELECT 1 FROM mainstay_sessions
                    WHERE session_id = ? AND NOT revoked AND expires_at > ?";
        let find = sqlx::query(find).bind(session.blob()).bind(self.now.micros());
        Ok(self.row(find).await?.is_some())
    }

    async fn tallies(
        &mut self,
        account: &AccountKey,
        session: SessionId,
    ) -> Result<(Tally, Tally, u64), StoreError> {
        let find = "SELECT granted, spent FROM mainstay_budget_accounts
                    WHERE scope = ? AND period = ? AND begins = ?";
        let whole = self.row(of(find, account)).await?.as_ref().map(tally).transpose()?;
        let find = "SELECT granted, spent, turn FROM mainstay_budget_leases
                    WHERE scope = ? AND period = ? AND begins = ? AND session_id = ?";
        let lease = self.row(of(find, account).bind(session.blob())).await?;
        let turn = lease.as_ref().map_or(Ok(0), |row| wire::count(column(row, "turn")?))?;
        let lease = lease.as_ref().map(tally).transpose()?;
        Ok((whole.unwrap_or_default(), lease.unwrap_or_default(), turn))
    }

    async fn keep_tallies(
        &mut self,
        key: &AccountKey,
        session: SessionId,
        account: Tally,
        (lease, turn): (Tally, u64),
    ) -> Result<(), StoreError> {
        let set =
            "INSERT INTO mainstay_budget_accounts (scope, period, begins, ends, granted, spent)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT DO UPDATE SET granted = ?5, spent = ?6";
        let set = of(set, key).bind(key.ends().micros());
        self.change(with(set, &account)?).await?;
        let set = "INSERT INTO mainstay_budget_leases
                       (scope, period, begins, session_id, granted, spent, turn)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                   ON CONFLICT DO UPDATE SET granted = ?5, spent = ?6, turn = ?7";
        let set = with(of(set, key).bind(session.blob()), &lease)?.bind(wire::int(turn));
        self.change(set).await.map(drop)
    }

    /// Returns what sessions that live hold of an account, but for one.
    async fn held(&mut self, account: &AccountKey, but_for: Vec<u8>) -> Result<Spend, StoreError> {
        let find = "SELECT l.granted, l.spent FROM mainstay_budget_leases l
                    JOIN mainstay_sessions s USING (session_id)
                    WHERE l.scope = ? AND l.period = ? AND l.begins = ? AND session_id <> ?
                      AND NOT s.revoked AND s.expires_at > ?";
        let find = of(find, account).bind(but_for).bind(self.now.micros());
        let mut held = Spend::ZERO;
        for row in self.rows(find).await? {
            held = held.plus(&tally(&row)?.open());
        }
        Ok(held)
    }
}

fn with<'q>(set: Statement<'q>, tally: &Tally) -> Result<Statement<'q>, StoreError> {
    Ok(set.bind(wire::json(&tally.granted)?).bind(wire::json(&tally.spent)?))
}
