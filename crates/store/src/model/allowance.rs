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

use super::Model;
use crate::sound;

impl Model {
    /// Gives a session a chunk, and counts it as given out.
    pub(super) fn lease_chunk(
        &mut self,
        now: Timestamp,
        wish: &LeaseChunk,
    ) -> Result<Leased, StoreError> {
        sound::account(&wish.account)?;
        if !self.lives(now, wish.session) {
            return Ok(Leased::Over);
        }
        let (mut account, mut lease, turn) = self.tallies(&wish.account, wish.session);
        if wish.turn < turn {
            return Ok(Leased::Over);
        }
        let leased = account.lease(&mut lease, &wish.limits, &wish.spent, &wish.need);
        self.keep_tallies(&wish.account, wish.session, account, (lease, wish.turn));
        Ok(match leased {
            Ok(()) => Leased::Granted(lease.granted),
            Err(exhausted) => {
                let held = self.held_by_others(now, &wish.account, Some(wish.session));
                let lent = account.lent(lease, &held, &wish.limits, &wish.need);
                Leased::Exhausted { exhausted, lent }
            }
        })
    }

    /// Counts what a session has spent, and takes back what it does not keep.
    pub(super) fn report_chunk(
        &mut self,
        now: Timestamp,
        report: &ReportChunk,
    ) -> Result<Reported, StoreError> {
        sound::account(&report.account)?;
        if !self.lives(now, report.session) {
            return Ok(Reported::Over);
        }
        let (mut account, mut lease, turn) = self.tallies(&report.account, report.session);
        if report.turn < turn {
            return Ok(Reported::Over);
        }
        account.report(&mut lease, &report.spent, &report.keep);
        self.keep_tallies(&report.account, report.session, account, (lease, report.turn));
        Ok(Reported::Counted)
    }

    /// Returns the accounts whose period holds a time.
    pub(super) fn accounts(&self, now: Timestamp, wish: AccountsAt) -> Vec<AccountRow> {
        let open =
            self.accounts.iter().filter(|(key, _)| key.begins <= wish.at && wish.at < key.ends());
        let row = |(account, tally): (&AccountKey, &Tally)| AccountRow {
            account: account.clone(),
            tally: *tally,
            held: self.held_by_others(now, account, None),
        };
        open.map(row).collect()
    }

    fn lives(&self, now: Timestamp, session: SessionId) -> bool {
        let session = self.sessions.get(&session);
        session.is_some_and(|session| !session.revoked && session.expires_at > now)
    }

    fn tallies(&self, account: &AccountKey, session: SessionId) -> (Tally, Tally, u64) {
        let lease = self.leases.get(&(account.clone(), session)).copied();
        let (lease, turn) = lease.unwrap_or_default();
        (self.accounts.get(account).copied().unwrap_or_default(), lease, turn)
    }

    fn keep_tallies(
        &mut self,
        key: &AccountKey,
        session: SessionId,
        account: Tally,
        lease: (Tally, u64),
    ) {
        self.accounts.insert(key.clone(), account);
        self.leases.insert((key.clone(), session), lease);
    }

    /// Returns what sessions that live hold of an account, but for one.
    fn held_by_others(
        &self,
        now: Timestamp,
        account: &AccountKey,
        but_for: Option<SessionId>,
    ) -> Spend {
        let of = self.leases.iter().filter(|((of, session), _)| {
            of == account && Some(*session) != but_for && self.lives(now, *session)
        });
        of.fold(Spend::ZERO, |held, (_, (lease, _))| held.plus(&lease.open()))
    }
}
