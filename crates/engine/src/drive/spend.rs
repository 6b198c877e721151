//! What a call may cost at worst, and what it did cost.

use mainstay_core::{
    budget::{Dimension, Exhausted, Refusal, Reservation, Settlement, Spend},
    effect::EffectPosition,
    journal::Entry,
    model::{Candidate, Cost, ModelReply},
    tool::ToolSpec,
    wait::Wait,
};

use super::{
    Drive, Stop,
    call::{Call, CallEnd, Charge, Target},
    inner::InnerAccount,
};

/// Why a call's worst case is not reserved.
pub(super) enum NotReserved {
    /// A limit does not allow it: the call waits for this.
    Refused(Box<Wait>),
    /// What the process has leased of a shared cap is too small: more is asked for first.
    LeaseFirst,
}

impl NotReserved {
    fn of_run(exhausted: Exhausted) -> Self {
        Self::Refused(Box::new(Wait::budget(exhausted)))
    }
}

impl Drive {
    /// Reserves a call's worst case; the outer error ends the driver, the inner one says why the
    /// call is not made, or not yet.
    pub(super) fn reserve(
        &mut self,
        call: &mut Call,
        worst: &Spend,
    ) -> Result<Result<Reservation, NotReserved>, Stop> {
        let limited = self.limited_at(&call.position, worst);
        match self.hold_within_limits(call, worst, &limited) {
            Ok(()) => Ok(self.reserve_of_run(&limited)?.map_err(NotReserved::of_run)),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Everything but the run's own reservation, which may need a commit.
    fn hold_within_limits(
        &mut self,
        call: &mut Call,
        worst: &Spend,
        limited: &Spend,
    ) -> Result<(), NotReserved> {
        let now = self.book.now();
        let started = self.book.run.ledger.start_at(now).and_then(|()| self.within_wall());
        started.map_err(NotReserved::of_run)?;
        let inner = self.inner_accounts(&call.position);
        if let Some(refused) = inner.iter().find_map(|account| account.refuses(worst)) {
            return Err(NotReserved::Refused(Box::new(refused)));
        }
        let held = self.hold_allowance(call, worst, limited).map_err(NotReserved::of_run)?;
        if held { Ok(()) } else { Err(NotReserved::LeaseFirst) }
    }

    fn reserve_of_run(&mut self, limited: &Spend) -> Result<Result<Reservation, Exhausted>, Stop> {
        match self.book.run.ledger.reserve(limited) {
            Ok(reservation) => Ok(Ok(reservation)),
            Err(Refusal::Exhausted(exhausted)) => Ok(Err(exhausted)),
            Err(Refusal::AdvanceFirst) => self.advance_and_reserve(limited),
        }
    }

    /// Returns the part of `spend` that some limit speaks of at a place, the run's or an inner one:
    /// that is set aside before a call, and a crash must not hide it.
    pub(super) fn limited_at(&self, position: &EffectPosition, spend: &Spend) -> Spend {
        let inner = self.inner_accounts(position);
        let limits = self.book.run.ledger.limits();
        let all = inner.iter().map(InnerAccount::limits).chain([limits]);
        all.fold(Spend::ZERO, |sum, limits| sum.zip(&limits.limited(spend), u64::max))
    }

    /// A call uses running time that nobody can name beforehand: it is held below what is left, and
    /// where nothing is left it is not made.
    fn within_wall(&self) -> Result<(), Exhausted> {
        let (dimension, ledger) = (Dimension::Wall, &self.book.run.ledger);
        let spent = ledger.total_spent().get(dimension);
        match ledger.limits().get(dimension) {
            Some(limit) if ledger.available(dimension) == Some(0) => {
                Err(Exhausted { dimension, limit, spent, asked: 1 })
            }
            _ => Ok(()),
        }
    }

    /// The advance is committed before the call is sent, so that a crash cannot forget it.
    fn advance_and_reserve(
        &mut self,
        worst: &Spend,
    ) -> Result<Result<Reservation, Exhausted>, Stop> {
        let amount = match self.book.run.ledger.clone().advance(worst, worst) {
            Ok(amount) => amount,
            Err(exhausted) => return Ok(Err(exhausted)),
        };
        self.book.push(&Entry::Advanced { amount }, Vec::new())?;
        self.commit_due = true;
        match self.book.run.ledger.reserve(worst) {
            Ok(reservation) => Ok(Ok(reservation)),
            Err(Refusal::Exhausted(exhausted)) => Ok(Err(exhausted)),
            Err(Refusal::AdvanceFirst) => {
                Err(Stop::Corrupt("an advance did not cover the call it was made for".into()))
            }
        }
    }

    /// Returns the most that a call can cost: both of them, where it may be sent twice.
    pub(super) fn worst_case(&self, call: &Call) -> Spend {
        let worst = self.worst_of(call, call.attempt);
        match call.hedge_after {
            Some(_) => worst.plus(&self.worst_of(call, call.attempt + 1)),
            None => worst,
        }
    }

    /// Returns the most that one attempt can cost, at the price of the model it asks.
    fn worst_of(&self, call: &Call, attempt: u32) -> Spend {
        match &call.target {
            Target::Model { candidates, request } => {
                let Candidate { model, provider } = candidates.at(attempt);
                let input_tokens = provider.count_input(model, request);
                let price = self.desk.runtime.models.price(model);
                let cost = price.map(|p| p.worst_case(input_tokens, request.max_output_tokens));
                Spend {
                    usd: cost.map_or(0, Cost::micros),
                    input_tokens,
                    output_tokens: u64::from(request.max_output_tokens),
                    model_calls: 1,
                    ..Spend::ZERO
                }
            }
            Target::Tool { tool, .. } => of_tool(tool.spec()),
            Target::Once(_) => Spend::ZERO,
        }
    }

    /// Returns what an attempt has used, and the other call beside it if there was one.
    pub(super) fn used(&self, call: &Call, end: &CallEnd) -> Settlement {
        let own = match end {
            CallEnd::Reply(reply) => self.answered(call, reply),
            CallEnd::Value(_) | CallEnd::Asks(_) => self.charged(call, call.attempt, Charge::Call),
            CallEnd::Failed { charge, .. } => self.charged(call, call.attempt, *charge),
        };
        let Some(beside) = &call.beside else { return own };
        let other = self.charged(call, beside.attempt, beside.charge);
        Settlement {
            spent: own.spent.plus(&other.spent),
            unknown: own.unknown.plus(&other.unknown),
        }
    }

    fn answered(&self, call: &Call, reply: &ModelReply) -> Settlement {
        let price = call.candidate().and_then(|c| self.desk.runtime.models.price(&c.model));
        Settlement::known(Spend {
            usd: price.map_or(0, |price| price.cost(&reply.usage).micros()),
            input_tokens: reply.usage.input_tokens,
            output_tokens: reply.usage.output_tokens,
            model_calls: 1,
            ..Spend::ZERO
        })
    }

    fn charged(&self, call: &Call, attempt: u32, charge: Charge) -> Settlement {
        match charge {
            Charge::Nothing => Settlement::NOTHING,
            Charge::Worst => Settlement::unknown(self.worst_of(call, attempt)),
            Charge::Call => Settlement::known(match &call.target {
                Target::Model { .. } => Spend { model_calls: 1, ..Spend::ZERO },
                Target::Tool { tool, .. } => of_tool(tool.spec()),
                Target::Once(_) => Spend::ZERO,
            }),
        }
    }
}

/// A call of a tool costs what it says, whatever comes of it.
fn of_tool(spec: &ToolSpec) -> Spend {
    Spend { tool_calls: 1, usd: spec.cost.unwrap_or(0), ..Spend::ZERO }
}
