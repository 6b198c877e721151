//! Chunks of shared caps: asked for, reported, and asked for by those who may not.

use mainstay_core::{
    allowance::{AccountKey, Period},
    budget::{Limits, Spend},
    store::operation::{AccountsAt, LeaseChunk, Operation, ReportChunk},
};

use super::{super::super::World, Generator};

impl Generator {
    /// Draws something about a shared cap.
    pub(super) fn allowance(&mut self, world: &World) -> Operation {
        let (session, account) = (self.a_session(world), self.an_account(world));
        let (spent, turn) = (self.a_spend(200), self.draw.below(6));
        match self.draw.below(8) {
            0..5 => {
                let need = spent.plus(&self.a_spend(300));
                let limits = Limits {
                    usd: Some(500 + self.draw.below(3_000)),
                    tokens: self.draw.one_in(3).then_some(2_000),
                    ..Limits::none()
                };
                let wish = LeaseChunk { session, account, limits, spent, need, turn };
                Operation::LeaseChunk(Box::new(wish))
            }
            5 | 6 => {
                let keep = spent.plus(&self.a_spend(100));
                Operation::ReportChunk(ReportChunk { session, account, spent, keep, turn })
            }
            _ => Operation::Accounts(AccountsAt { at: world.now() }),
        }
    }

    fn an_account(&mut self, world: &World) -> AccountKey {
        let period = if self.draw.one_in(3) { Period::Month } else { Period::Day };
        let mut scope = format!("tenant=t{}", self.draw.below(3));
        if self.draw.one_in(40) {
            scope.push('\0');
        }
        AccountKey { scope, period, begins: period.begins(world.now()) }
    }

    fn a_spend(&mut self, bound: u64) -> Spend {
        let (usd, input_tokens) = (self.draw.below(bound), self.draw.below(bound));
        Spend { usd, input_tokens, ..Spend::ZERO }
    }
}
