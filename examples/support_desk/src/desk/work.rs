//! Carrying decisions out: what is done, what came of it, and what the answer may say.

use jiff::{ToSpan, civil::Date};
use mainstay::prelude::*;

use super::{File, Ruling};
use crate::{
    facts::Facts,
    id::{OrderId, ProductId},
    rules::{self, Goods},
    shop::{Order, Pickup, Product},
    ticket::Outcome,
    tool::action::{book_pickup, cancel_order, exchange, refund},
};

/// Days until a van comes.
const PICKUP_DAYS: i64 = 3;

/// What was done about a letter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Work {
    /// The outcome of each wish, the main one first.
    pub outcomes: Vec<Outcome>,
    /// What the answer may say.
    pub facts: Facts,
}

impl Work {
    fn add(&mut self, outcome: Outcome, facts: Facts) {
        self.outcomes.push(outcome);
        self.facts = std::mem::take(&mut self.facts).and(facts);
    }

    /// Does what was ruled, for a letter that arrived `on` that day.
    pub(super) async fn carry_out(
        &mut self,
        cx: &StepContext,
        ruling: &Ruling,
        file: &File,
        on: Date,
    ) -> Result<()> {
        let decision = match ruling {
            Ruling::Granted(decision) => decision,
            Ruling::Rejected(refund) => {
                self.add(Outcome::Refused, Facts::refund_rejected(refund));
                return Ok(());
            }
        };
        match decision {
            rules::Decision::Refund(refund) => self.pay_back(cx, refund, file, on).await?,
            rules::Decision::Exchange(swap) => self.swap(cx, swap, file).await?,
            rules::Decision::Cancel { order } => self.call_off(cx, order).await?,
            rules::Decision::Describe { order } => {
                self.add(Outcome::Answered, Facts::described(find_order(file, order)?));
            }
            rules::Decision::Suggest { products } => {
                let products = products.iter().map(|id| find_product(file, id).cloned());
                let products = products.collect::<Result<Vec<_>>>()?;
                self.add(Outcome::Answered, Facts::suggested(&products));
            }
            rules::Decision::Ask { orders } => {
                let orders = orders.iter().map(|id| find_order(file, id).cloned());
                let orders = orders.collect::<Result<Vec<_>>>()?;
                self.add(Outcome::Answered, Facts::asked(&orders));
            }
            rules::Decision::Refuse(no) => self.add(Outcome::Refused, Facts::refused(no)),
        }
        Ok(())
    }

    async fn pay_back(
        &mut self,
        cx: &StepContext,
        due: &rules::Refund,
        file: &File,
        on: Date,
    ) -> Result<()> {
        cx.tool(refund::with(due.payment.clone(), due.cents)).await.required()?;
        let pickup = match due.goods {
            Goods::Fetched => book_a_van(cx, &due.order, on).await,
            Goods::Kept => None,
        };
        let facts = Facts::refunded(due, find_order(file, &due.order)?, pickup.as_ref());
        self.add(Outcome::Refund(due.cents), facts);
        Ok(())
    }

    async fn swap(&mut self, cx: &StepContext, swap: &rules::Swap, file: &File) -> Result<()> {
        let call = exchange::with(swap.item.clone(), swap.product.clone());
        cx.tool(call).await.required()?;
        let order = find_order(file, &swap.order)?;
        let old = order.items.iter().find(|item| item.id == swap.item);
        let old = old.map_or("the old piece", |item| &item.name);
        let facts = Facts::exchanged(order, old, find_product(file, &swap.product)?);
        self.add(Outcome::Exchange(swap.product.clone()), facts);
        Ok(())
    }

    async fn call_off(&mut self, cx: &StepContext, order: &OrderId) -> Result<()> {
        let cancellation = cx.tool(cancel_order::with(order.clone())).await.required()?;
        self.add(Outcome::Cancelled(order.clone()), Facts::cancelled(&cancellation));
        Ok(())
    }
}

/// The money is back whatever the courier does, so the answer does not wait for a van that cannot
/// be had: it promises to write again.
async fn book_a_van(cx: &StepContext, order: &OrderId, on: Date) -> Option<Pickup> {
    let day = on.saturating_add(PICKUP_DAYS.days());
    match cx.tool(book_pickup::with(order.clone(), day)).await {
        Called::Found(pickup) => Some(pickup),
        Called::Empty | Called::Failed(_) | Called::Denied(_) | Called::InDoubt(_) => None,
    }
}

fn find_order<'f>(file: &'f File, id: &OrderId) -> Result<&'f Order> {
    let missing = || StepError::new(format!("order {id} is not in the file"));
    file.orders.iter().find(|order| order.id == *id).ok_or_else(missing)
}

fn find_product<'f>(file: &'f File, id: &ProductId) -> Result<&'f Product> {
    let missing = || StepError::new(format!("product {id} is not in the file"));
    file.products.iter().find(|product| product.id == *id).ok_or_else(missing)
}
