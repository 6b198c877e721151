//! What this process has leased of caps that many workers share.
//!
//! One purse a session; all its runs draw from it. The lock is held for arithmetic alone, never while
//! the store is asked. Two runs may ask for the same account at once, because a wish names what the
//! session needs *in all*. Only giving back excludes asking: an answer that was on its way would
//! bring back what has just been given up.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mainstay_core::{
    allowance::{AccountKey, Chunk},
    budget::{Exhausted, Limits, Spend},
    id::SessionId,
    store::{
        Store, StoreError,
        operation::{LeaseChunk, Leased, Lent, ReportChunk},
    },
};
use tokio::sync::Notify;

/// The chunks of one session.
pub(crate) struct Purse {
    store: Arc<dyn Store>,
    session: SessionId,
    chunks: Mutex<BTreeMap<AccountKey, Held>>,
    /// Told when an account was given back, and may be asked for again.
    returned: Notify,
}

#[derive(Debug, Default)]
struct Held {
    chunk: Chunk,
    traffic: Traffic,
    /// What the store was last told.
    told: Spend,
    /// Rises with each report and after it.
    turn: u64,
    /// Whether nobody has drawn on it since it was last looked at.
    untouched: bool,
}

/// What is on its way to the store and back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Traffic {
    #[default]
    Nothing,
    /// So many wishes for more.
    Leases(u32),
    /// What is not needed, back.
    Return,
}

/// Why there is no more to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoChunk {
    /// The cap has no room.
    Exhausted { exhausted: Exhausted, lent: Lent },
    /// The session is over.
    Over,
}

/// Which part of the chunks goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returning {
    /// What nobody has drawn on since the last look.
    Idle,
    /// Everything that nobody holds.
    All,
}

impl Purse {
    pub(crate) fn new(store: Arc<dyn Store>, session: SessionId) -> Self {
        Self { store, session, chunks: Mutex::default(), returned: Notify::new() }
    }

    /// Nothing can be left half-way in it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<AccountKey, Held>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds `more` of an account if it is there. Returns whether it was.
    pub(crate) fn hold(&self, account: &AccountKey, more: &Spend) -> bool {
        let mut chunks = self.lock();
        let held = chunks.entry(account.clone()).or_default();
        held.untouched = false;
        held.chunk.hold(more)
    }

    /// Spends `used`, and lets go of `less` that was held for it.
    pub(crate) fn settle(&self, account: &AccountKey, used: &Spend, less: &Spend) {
        if let Some(held) = self.lock().get_mut(account) {
            held.untouched &= *used == Spend::ZERO;
            held.chunk.settle(used, less);
        }
    }

    /// Returns whether a run of this process holds something of an account.
    pub(crate) fn is_drawn(&self, account: &AccountKey) -> bool {
        self.lock().get(account).is_some_and(|held| !held.chunk.is_idle())
    }

    /// Returns what is leased of an account, and neither spent nor held.
    pub(crate) fn free(&self, account: &AccountKey) -> Spend {
        self.lock().get(account).map(|held| held.chunk.free()).unwrap_or_default()
    }

    /// Leases what is missing, and holds `more`.
    ///
    /// # Errors
    /// The store could not say.
    pub(crate) async fn lease(
        &self,
        account: &AccountKey,
        limits: &Limits,
        more: &Spend,
    ) -> Result<Result<(), NoChunk>, StoreError> {
        loop {
            let Some(wish) = self.begin_lease(account, limits, more).await else {
                return Ok(Ok(()));
            };
            let told = wish.spent;
            let answer = self.store.lease_chunk(Box::new(wish)).await;
            let held = self.end_lease(account, &answer, told, more);
            match answer? {
                _ if held => return Ok(Ok(())),
                // Another run of this process was quicker.
                Leased::Granted(_) => {}
                Leased::Exhausted { exhausted, lent } => {
                    return Ok(Err(NoChunk::Exhausted { exhausted, lent }));
                }
                Leased::Over => return Ok(Err(NoChunk::Over)),
            }
        }
    }

    /// Returns what to ask the store for; `None` if `more` is held already.
    async fn begin_lease(
        &self,
        account: &AccountKey,
        limits: &Limits,
        more: &Spend,
    ) -> Option<LeaseChunk> {
        loop {
            let returned = self.returned.notified();
            if let Some(begun) = self.try_begin_lease(account, more) {
                let (spent, need, turn) = begun?;
                let (session, account, limits) = (self.session, account.clone(), *limits);
                return Some(LeaseChunk { session, account, limits, spent, need, turn });
            }
            returned.await;
        }
    }

    /// The outer `None` where something is on its way back, the inner one where nothing is missing.
    fn try_begin_lease(
        &self,
        account: &AccountKey,
        more: &Spend,
    ) -> Option<Option<(Spend, Spend, u64)>> {
        let mut chunks = self.lock();
        let held = chunks.entry(account.clone()).or_default();
        held.untouched = false;
        if held.chunk.hold(more) {
            return Some(None);
        }
        held.traffic = match held.traffic {
            Traffic::Nothing => Traffic::Leases(1),
            Traffic::Leases(count) => Traffic::Leases(count + 1),
            Traffic::Return => return None,
        };
        Some(Some((held.chunk.spent(), held.chunk.needed(more), held.turn)))
    }

    /// Returns whether `more` is held now.
    fn end_lease(
        &self,
        account: &AccountKey,
        answer: &Result<Leased, StoreError>,
        told: Spend,
        more: &Spend,
    ) -> bool {
        let mut chunks = self.lock();
        let Some(held) = chunks.get_mut(account) else { return false };
        held.traffic = match held.traffic {
            Traffic::Leases(count @ 2..) => Traffic::Leases(count - 1),
            Traffic::Leases(_) | Traffic::Nothing => Traffic::Nothing,
            Traffic::Return => Traffic::Return,
        };
        match answer {
            Ok(Leased::Granted(granted)) => {
                held.told = held.told.zip(&told, u64::max);
                held.chunk.grant(granted);
            }
            Ok(Leased::Exhausted { .. }) => held.told = held.told.zip(&told, u64::max),
            Ok(Leased::Over) | Err(_) => return false,
        }
        held.chunk.hold(more)
    }

    /// Tells the store what was spent since it was last told, and gives back what is not needed. What
    /// no answer comes to is given up all the same: it counts as spent.
    pub(crate) async fn report(&self, returning: Returning) {
        let accounts: Vec<_> = self.lock().keys().cloned().collect();
        for account in accounts {
            let Some(report) = self.begin_report(&account, returning) else { continue };
            let spent = report.spent;
            let reported = self.store.report_chunk(report).await;
            if let Some(held) = self.lock().get_mut(&account) {
                held.traffic = Traffic::Nothing;
                held.turn += 1;
                if reported.is_ok() {
                    held.told = spent;
                }
            }
            self.returned.notify_waiters();
            if let Err(error) = reported {
                tracing::warn!(%account, %error, "what was spent of a shared cap is not reported yet");
            }
        }
    }

    fn begin_report(&self, account: &AccountKey, returning: Returning) -> Option<ReportChunk> {
        let mut chunks = self.lock();
        let held = chunks.get_mut(account)?;
        if held.traffic != Traffic::Nothing {
            return None;
        }
        let idle = std::mem::replace(&mut held.untouched, true) && held.chunk.is_idle();
        let goes_back = (idle || returning == Returning::All) && held.chunk.free() != Spend::ZERO;
        let spent = held.chunk.spent();
        if !goes_back && spent == held.told {
            return None;
        }
        let keep = if goes_back { held.chunk.give_back() } else { held.chunk.all() };
        held.traffic = Traffic::Return;
        held.turn += 1;
        let (session, account, turn) = (self.session, account.clone(), held.turn);
        Some(ReportChunk { session, account, spent, keep, turn })
    }
}
