//! What a call may cost at worst, and what it did cost.

use mainstay_core::{
    budget::{Dimension, Exhausted, Ledger, Refusal, Reservation, Settlement, Spend},
    journal::Entry,
    model::Cost,
};

use super::{
    Drive, Stop,
    call::{Call, CallEnd, Target},
};

impl Drive {
    /// Reserves a call's worst case; the outer error ends the driver, the inner one refuses the
    /// call.
    pub(super) fn reserve(
        &mut self,
        call: &Call,
        worst: &Spend,
    ) -> Result<Result<Reservation, Exhausted>, Stop> {
        let now = self.book.now();
        if let Err(late) = self.book.run.ledger.start_at(now) {
            return Ok(Err(late));
        }
        if let Err(exhausted) = self.within_wall() {
            return Ok(Err(exhausted));
        }
        if let Err(exhausted) = self.within_step_budget(call, worst) {
            return Ok(Err(exhausted));
        }
        let worst = self.book.run.ledger.limited(worst);
        match self.book.run.ledger.reserve(&worst) {
            Ok(reservation) => Ok(Ok(reservation)),
            Err(Refusal::Exhausted(exhausted)) => Ok(Err(exhausted)),
            Err(Refusal::AdvanceFirst) => self.advance_and_reserve(&worst),
        }
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

    fn within_step_budget(&self, call: &Call, worst: &Spend) -> Result<(), Exhausted> {
        let step = &call.position.step;
        let limits = self.definition(step).and_then(|(_, definition)| definition.options.budget);
        let Some(limits) = limits else { return Ok(()) };
        let spent = self.book.run.step(step).map(|run| run.spent).unwrap_or_default();
        let mut ledger = Ledger::new(limits);
        ledger.charge(&Settlement::known(spent));
        ledger.advance(worst, &Spend::ZERO).map(drop)
    }

    pub(super) fn worst_case(&self, call: &Call) -> Spend {
        match &call.target {
            Target::Model { id, provider, request } => {
                let input_tokens = provider.count_input(id, request);
                let price = self.desk.runtime.models.price(id);
                let cost = price.map(|p| p.worst_case(input_tokens, request.max_output_tokens));
                Spend {
                    usd: cost.map_or(0, Cost::micros),
                    input_tokens,
                    output_tokens: u64::from(request.max_output_tokens),
                    model_calls: 1,
                    ..Spend::ZERO
                }
            }
            Target::Tool { .. } => Spend { tool_calls: 1, ..Spend::ZERO },
            Target::Once(_) => Spend::ZERO,
        }
    }

    pub(super) fn used(&self, call: &Call, end: &CallEnd, worst: &Spend) -> Settlement {
        match (end, &call.target) {
            (CallEnd::Reply(reply), Target::Model { id, .. }) => {
                let price = self.desk.runtime.models.price(id);
                Settlement::known(Spend {
                    usd: price.map_or(0, |price| price.cost(&reply.usage).micros()),
                    input_tokens: reply.usage.input_tokens,
                    output_tokens: reply.usage.output_tokens,
                    model_calls: 1,
                    ..Spend::ZERO
                })
            }
            (CallEnd::Failed { may_have_cost: true, .. }, _) => Settlement::unknown(*worst),
            (_, Target::Model { .. }) => Settlement::known(Spend { model_calls: 1, ..Spend::ZERO }),
            (_, Target::Tool { .. }) => Settlement::known(Spend { tool_calls: 1, ..Spend::ZERO }),
            (_, Target::Once(_)) => Settlement::NOTHING,
        }
    }
}
