//! Shared caps: what this run holds of its process's chunks.
//!
//! # What is held
//!
//! Of each account that counts the run's calls, the more of two: the worst cases of its calls in
//! flight, and its standing advance. After a crash the journal charges the advance as unknown, and
//! the dead process's chunk counts as spent: because the one was held in the other, what the journals
//! of all runs say together stays below the cap too.
//!
//! An agent's account knows no advance, which belongs to the run as a whole.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mainstay_core::{
    allowance::{AccountKey, Cap, CapReached, Spender},
    budget::{Exhausted, Ledger, Refusal, Spend},
    effect::EffectPosition,
    effects::ScopeKind,
    store::operation::Lent,
    wait::Wait,
};

use super::{Drive, Stop, call::Call};
use crate::purse::NoChunk;

/// What a call in flight may use at most of one account.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    cap: Cap,
    account: AccountKey,
    worst: Spend,
}

/// A run looks again after this long where what is missing may come back from another.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What a run holds of one account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Holding {
    /// The worst cases of its calls in flight.
    in_flight: Spend,
    /// Held in the process's chunk for it.
    held: Spend,
    /// The part of the run's standing advance that the cap speaks of is held too.
    advances: Advances,
}

/// Whether an account counts all calls of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Advances {
    /// The run's advance is held in it.
    #[default]
    Held,
    /// It counts the calls of one agent.
    NotHeld,
}

/// What a run holds of shared caps.
#[derive(Debug, Default)]
pub(super) struct Holdings(BTreeMap<AccountKey, Holding>);

/// How a driver leaves its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// The journal says what was used: the rest is free.
    Closed,
    /// The next owner charges the advance as unknown: all that is held counts as spent.
    Dropped,
}

/// A chunk that is too small for a call.
struct Short {
    cap: Cap,
    account: AccountKey,
    more: Spend,
}

impl Drive {
    /// Returns whether a cap on money counts calls at this place.
    pub(super) fn money_is_capped(&self, position: &EffectPosition) -> bool {
        self.counted_in(position).iter().any(|(cap, _)| cap.limits().usd.is_some())
    }

    /// Returns the caps that count a call at this place, each with its account of this period. The
    /// innermost agent around the call is the one that makes it.
    fn counted_in(&self, position: &EffectPosition) -> Vec<(Cap, AccountKey)> {
        let caps: &Arc<[Cap]> = &self.desk.runtime.caps;
        if caps.is_empty() {
            return Vec::new();
        }
        let (run, now) = (&self.book.run, self.book.now());
        let step = run.step(&position.step);
        let around = step.iter().flat_map(|step| step.scopes_around(position));
        let agents = around.filter(|record| record.scope.kind == ScopeKind::Agent);
        let agent = agents.last().map(|record| record.scope.name.as_str());
        let spender = Spender { tenant: &run.tenant, flow: &run.flow.name, agent };
        let counted = |cap: &Cap| Some((cap.clone(), cap.account(spender, now)?));
        caps.iter().filter_map(counted).collect()
    }

    /// Holds a call's worst case in every account that counts it, with the advance it would need.
    /// Returns whether every chunk was large enough; if not, the call asks for more.
    ///
    /// # Errors
    /// The run's own limits do not allow the call: nothing is leased for it.
    pub(super) fn hold_allowance(
        &mut self,
        call: &mut Call,
        worst: &Spend,
        limited: &Spend,
    ) -> Result<bool, Exhausted> {
        let counted = self.counted_in(&call.position);
        if counted.is_empty() {
            return Ok(true);
        }
        let advance = advance_with(&self.book.run.ledger, limited)?;
        let short = self.short(&counted, worst, &advance);
        for Short { account, more, .. } in short {
            if !self.desk.purse.hold(&account, &more) {
                return Ok(false);
            }
            self.hold_more(&account, &more);
        }
        for (cap, account) in counted {
            let worst = cap.limited(worst);
            let holding = self.holdings.0.entry(account.clone()).or_default();
            holding.in_flight = holding.in_flight.plus(&worst);
            if cap.is_of_agents() {
                holding.advances = Advances::NotHeld;
            }
            call.draws.push(Draw { cap, account, worst });
        }
        Ok(true)
    }

    /// Returns what is missing in each account.
    fn short(&self, counted: &[(Cap, AccountKey)], worst: &Spend, advance: &Spend) -> Vec<Short> {
        let missing = |(cap, account): &(Cap, AccountKey)| {
            let holding = self.holdings.0.get(account).copied().unwrap_or_default();
            let in_flight = holding.in_flight.plus(&cap.limited(worst));
            let advance = if cap.is_of_agents() { Spend::ZERO } else { cap.limited(advance) };
            let more = in_flight.zip(&advance, u64::max).less(&holding.held);
            (more != Spend::ZERO).then(|| Short {
                cap: cap.clone(),
                account: account.clone(),
                more,
            })
        };
        counted.iter().filter_map(missing).collect()
    }

    fn hold_more(&mut self, account: &AccountKey, more: &Spend) {
        let holding = self.holdings.0.entry(account.clone()).or_default();
        holding.held = holding.held.plus(more);
    }

    /// Ends what a call drew, with what it used: known or not, it counts.
    pub(super) fn end_draws(&mut self, call: &mut Call, used: &Spend) {
        for Draw { cap, account, worst } in std::mem::take(&mut call.draws) {
            let Some(holding) = self.holdings.0.get_mut(&account) else { continue };
            holding.in_flight = holding.in_flight.less(&worst);
            let used = cap.limited(used);
            let less = used.zip(&holding.held, u64::min);
            holding.held = holding.held.less(&less);
            self.desk.purse.settle(&account, &used, &less);
        }
    }

    /// Lets go of what is held beyond the advance and the calls in flight.
    pub(super) fn fit_allowance(&mut self) {
        let now = self.book.now();
        let advance = self.book.run.ledger.standing_advance();
        for (account, holding) in &mut self.holdings.0 {
            let is_now = account.period.begins(now) == account.begins;
            let advance = match holding.advances {
                Advances::Held if is_now => advance,
                Advances::Held | Advances::NotHeld => Spend::ZERO,
            };
            let less = holding.held.less(&holding.in_flight.zip(&advance, u64::max));
            if less != Spend::ZERO {
                holding.held = holding.held.less(&less);
                self.desk.purse.settle(account, &Spend::ZERO, &less);
            }
        }
    }

    /// Lets go of everything, as the run is left.
    pub(super) fn leave_allowance(&mut self, leaving: Leaving) {
        for (account, holding) in std::mem::take(&mut self.holdings.0) {
            let used = match leaving {
                Leaving::Closed => Spend::ZERO,
                Leaving::Dropped => holding.held,
            };
            self.desk.purse.settle(&account, &used, &holding.held);
        }
    }

    /// Leases larger chunks for the calls that need them, and admits those calls. Where a cap has no
    /// room the call is not made: its step is held until the period turns, or a person raised the
    /// cap.
    pub(super) async fn lease_what_is_wanted(&mut self) -> Result<bool, Stop> {
        let mut moved = false;
        while !self.wanting.is_empty() {
            moved = true;
            let call = self.wanting.remove(0);
            let missing = self.missing_for(&call);
            match self.lease(missing).await? {
                Some(wait) => {
                    self.fit_allowance();
                    self.hold(&call.position, wait);
                }
                None => self.admit(call)?,
            }
        }
        Ok(moved)
    }

    /// Returns what a call needs beyond what is held; nothing where the run's own limits do not allow
    /// it, as admitting it will say.
    fn missing_for(&self, call: &Call) -> Vec<Short> {
        let worst = self.worst_case(call);
        let limited = self.limited_at(&call.position, &worst);
        let Ok(advance) = advance_with(&self.book.run.ledger, &limited) else { return Vec::new() };
        self.short(&self.counted_in(&call.position), &worst, &advance)
    }

    /// Leases what is missing. Returns what the call's step waits for if there is no more.
    async fn lease(&mut self, missing: Vec<Short>) -> Result<Option<Wait>, Stop> {
        for Short { cap, account, more } in missing {
            let purse = Arc::clone(&self.desk.purse);
            match purse.lease(&account, cap.limits(), &more).await? {
                Ok(()) => self.hold_more(&account, &more),
                Err(NoChunk::Over) => return Err(Stop::Fenced),
                Err(NoChunk::Exhausted { exhausted, lent }) => {
                    return Ok(Some(self.stopped_by(account, exhausted, lent)));
                }
            }
        }
        Ok(None)
    }

    /// Tells a refusal in terms of the call: the store speaks of what is missing beyond what this
    /// process has leased and nobody holds.
    fn stopped_by(&self, account: AccountKey, exhausted: Exhausted, lent: Lent) -> Wait {
        let free = self.desk.purse.free(&account).get(exhausted.dimension);
        let (spent, asked) = (exhausted.spent.saturating_sub(free), exhausted.asked + free);
        let exhausted = Exhausted { spent, asked, ..exhausted };
        let soon = self.book.now().after(LOOK_AGAIN);
        let own = self.desk.purse.is_drawn(&account);
        let again_at = match lent {
            Lent::ToOthers => soon.min(account.ends()),
            Lent::ToNobody if own => soon.min(account.ends()),
            Lent::ToNobody => account.ends(),
        };
        let cap = Some(Box::new(CapReached { account, again_at }));
        Wait::Budget { exhausted, within: None, cap }
    }
}

/// Returns the standing advance that a call of this worst case would leave.
fn advance_with(ledger: &Ledger, limited: &Spend) -> Result<Spend, Exhausted> {
    let mut ledger = ledger.clone();
    match ledger.reserve(limited).map(drop) {
        Ok(()) => {}
        Err(Refusal::Exhausted(exhausted)) => return Err(exhausted),
        Err(Refusal::AdvanceFirst) => drop(ledger.advance(limited, limited)?),
    }
    Ok(ledger.standing_advance())
}
