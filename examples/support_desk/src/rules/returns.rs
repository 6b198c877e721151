//! Goods for money: how long, how much, and when a person looks at it first.

use jiff::{ToSpan, civil::Date};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decision, No, Refund, find};
use crate::{
    cents::Cents,
    shop::{Order, OrderItem, OrderStatus, TakesBack},
    wish::{Reason, Wish},
};

/// Days after delivery in which goods go back without a fault.
pub const RETURN_DAYS: i64 = 30;
/// Days after delivery in which faulty or wrong goods go back.
pub const FAULT_DAYS: i64 = 365;
/// What the customer pays for the way back if nothing is wrong with the goods.
pub const RETURN_FEE: Cents = Cents::new(490);
/// From this value on the way back is free in any case.
const FREE_RETURN_FROM: Cents = Cents::new(6_000);
/// A refund above this waits for a person.
pub const REVIEW_ABOVE: Cents = Cents::new(10_000);
/// Faulty goods below this are not worth a van.
pub const KEEP_BELOW: Cents = Cents::new(2_000);

/// What happens to goods that were paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Goods {
    /// A van fetches them.
    Fetched,
    /// The customer keeps them.
    Kept,
}

/// Whether money may move without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// It may.
    NotNeeded,
    /// A person decides first.
    Needed,
}

/// Returns whether a refund of `cents` waits for a person.
#[must_use]
pub fn approval(cents: Cents) -> Approval {
    if cents > REVIEW_ABOVE { Approval::Needed } else { Approval::NotNeeded }
}

pub(super) fn decide(wish: &Wish, orders: &[Order], on: Date) -> Decision {
    let reason = wish.reason.unwrap_or(Reason::ChangedMind);
    let order = match find::order(wish, orders, |order| can_go_back(order, reason, on).is_ok()) {
        Ok(order) => order,
        Err(ask) => return ask,
    };
    match refund(wish, order, reason, on) {
        Ok(refund) => Decision::Refund(refund),
        Err(no) => Decision::Refuse(no),
    }
}

fn refund(wish: &Wish, order: &Order, reason: Reason, on: Date) -> Result<Refund, No> {
    can_go_back(order, reason, on)?;
    let meant = find::items(wish, order);
    let going: Vec<&OrderItem> =
        meant.iter().copied().filter(|item| taken_back(item, reason)).collect();
    let Some(first) = meant.first() else {
        return Err(No::NoSuchArticle { name: wish.item.clone().unwrap_or_default() });
    };
    if going.is_empty() {
        return Err(No::NotTakenBack { order: order.id.clone(), name: first.name.clone() });
    }
    let cents = amount(order, &going, reason);
    if cents == Cents::ZERO {
        return Err(No::AlreadyRefunded { order: order.id.clone() });
    }
    Ok(Refund {
        order: order.id.clone(),
        payment: order.payment.id.clone(),
        items: going.iter().map(|item| item.id.clone()).collect(),
        cents,
        goods: goods(cents, reason),
    })
}

pub(super) fn can_go_back(order: &Order, reason: Reason, on: Date) -> Result<(), No> {
    let (OrderStatus::Delivered, Some(delivered)) = (order.status, order.delivered) else {
        return Err(No::WrongStatus { order: order.id.clone(), status: order.status });
    };
    let days = match reason {
        Reason::ChangedMind => RETURN_DAYS,
        Reason::Faulty | Reason::WrongItem => FAULT_DAYS,
    };
    let until = delivered.saturating_add(days.days());
    if on > until {
        return Err(No::TooLate { order: order.id.clone(), until });
    }
    Ok(())
}

pub(super) fn taken_back(item: &OrderItem, reason: Reason) -> bool {
    match (item.takes_back, reason) {
        (TakesBack::OnlyFaulty, Reason::ChangedMind) => false,
        (TakesBack::Always, Reason::ChangedMind | Reason::Faulty | Reason::WrongItem)
        | (TakesBack::OnlyFaulty, Reason::Faulty | Reason::WrongItem) => true,
    }
}

/// What was paid for the goods; less the way back if nothing is wrong with them, plus the way there
/// if everything was wrong; never more than is left of the payment.
fn amount(order: &Order, items: &[&OrderItem], reason: Reason) -> Cents {
    let goods: Cents = items.iter().map(|item| order.paid_for(item)).sum();
    let everything = items.len() == order.items.len();
    let due = match reason {
        Reason::ChangedMind if goods >= FREE_RETURN_FROM => goods,
        Reason::ChangedMind => goods.less(RETURN_FEE),
        Reason::Faulty | Reason::WrongItem if everything => goods.plus(order.shipping),
        Reason::Faulty | Reason::WrongItem => goods,
    };
    due.min(order.payment.paid.less(order.payment.refunded))
}

fn goods(cents: Cents, reason: Reason) -> Goods {
    match reason {
        Reason::Faulty if cents < KEEP_BELOW => Goods::Kept,
        Reason::Faulty | Reason::ChangedMind | Reason::WrongItem => Goods::Fetched,
    }
}
