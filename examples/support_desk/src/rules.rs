//! The shop's policy as pure functions: no database, no model, no clock.
//!
//! A model may say what a customer wants. What the customer gets is decided here, from the
//! customer's own orders: a letter can neither name an amount nor reach another person's order.

pub mod advice;
mod cancel;
mod exchange;
mod find;
mod returns;

#[cfg(test)]
mod tests;

use std::fmt;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cents::Cents,
    id::{ItemId, OrderId, PaymentId, ProductId},
    shop::{Order, OrderStatus, Product},
    wish::{Category, Wish},
};

pub use self::{
    returns::{Approval, Goods, approval},
    returns::{FAULT_DAYS, KEEP_BELOW, RETURN_DAYS, RETURN_FEE, REVIEW_ABOVE},
};

/// How many products an answer suggests.
pub const SUGGESTIONS: usize = 3;

/// What shall happen about one wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Money goes back.
    Refund(Refund),
    /// Goods go back for other goods.
    Exchange(Swap),
    /// An order is called off.
    Cancel {
        /// The order.
        order: OrderId,
    },
    /// An order is described.
    Describe {
        /// The order.
        order: OrderId,
    },
    /// Products are suggested, best first.
    Suggest {
        /// The products; none if nothing fits.
        products: Vec<ProductId>,
    },
    /// The letter does not say enough; these orders could be meant.
    Ask {
        /// The candidates, newest first; none if nothing is on record.
        orders: Vec<OrderId>,
    },
    /// The policy says no.
    Refuse(No),
}

/// A refund as the policy computes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refund {
    /// The order.
    pub order: OrderId,
    /// The payment the money comes from.
    pub payment: PaymentId,
    /// The lines that go back.
    pub items: Vec<ItemId>,
    /// How much.
    pub cents: Cents,
    /// Whether the goods are fetched.
    pub goods: Goods,
}

/// An exchange that the policy allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Swap {
    /// The order.
    pub order: OrderId,
    /// The line that goes back.
    pub item: ItemId,
    /// What leaves for it.
    pub product: ProductId,
}

/// Why the policy says no, with everything an answer may say about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum No {
    /// Too long ago.
    TooLate {
        /// The order.
        order: OrderId,
        /// The last day on which it would have been possible.
        until: Date,
    },
    /// The order is not where this could be done.
    WrongStatus {
        /// The order.
        order: OrderId,
        /// Where it stands.
        status: OrderStatus,
    },
    /// Food, hygiene, gift cards, engraved goods: only if they arrived broken.
    NotTakenBack {
        /// The order.
        order: OrderId,
        /// The article.
        name: String,
    },
    /// Everything that was paid has gone back already.
    AlreadyRefunded {
        /// The order.
        order: OrderId,
    },
    /// The article they want instead is not there.
    OutOfStock {
        /// The article.
        name: String,
    },
    /// The article they want instead costs more than they paid.
    CostsMore {
        /// The article.
        name: String,
        /// Its price.
        price: Cents,
        /// What they paid.
        paid: Cents,
    },
    /// No article of that name in the same family.
    NoSuchArticle {
        /// What they asked for.
        name: String,
    },
    /// The desk does not answer this kind of letter.
    Abuse,
}

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLate { order, until } => {
                write!(f, "For order {order} this was possible until {until}.")
            }
            Self::WrongStatus { order, status } => {
                write!(f, "Order {order} is {}, so this cannot be done.", status.word())
            }
            Self::NotTakenBack { order, name } => {
                write!(f, "{name} from order {order} cannot go back unless it arrived broken.")
            }
            Self::AlreadyRefunded { order } => {
                write!(f, "Order {order} has already been paid back in full.")
            }
            Self::OutOfStock { name } => write!(f, "{name} is out of stock."),
            Self::CostsMore { name, price, paid } => {
                write!(f, "{name} costs {price} EUR, which is more than the {paid} EUR paid.")
            }
            Self::NoSuchArticle { name } => write!(f, "There is no {name} to exchange it for."),
            Self::Abuse => f.write_str("This letter is not answered."),
        }
    }
}

/// Decides what happens about `wish`, given the writer's own `orders` and the catalogue, for a
/// letter that arrived `on` that day. The day of the letter counts, not the day it is read: nobody
/// loses a right because the desk was slow.
#[must_use]
pub fn decide(wish: &Wish, orders: &[Order], products: &[Product], on: Date) -> Decision {
    match wish.kind {
        Category::Return => returns::decide(wish, orders, on),
        Category::Exchange => exchange::decide(wish, orders, products, on),
        Category::Cancel => cancel::decide(wish, orders),
        Category::OrderQuestion => question(wish, orders),
        Category::ProductAdvice => advice(wish, products),
        Category::Abuse => Decision::Refuse(No::Abuse),
    }
}

fn question(wish: &Wish, orders: &[Order]) -> Decision {
    match find::order(wish, orders, |_| true) {
        Ok(order) => Decision::Describe { order: order.id.clone() },
        Err(ask) => ask,
    }
}

fn advice(wish: &Wish, products: &[Product]) -> Decision {
    let wanted = wish.item.as_deref().unwrap_or_default();
    let available = products.iter().filter(|product| product.stock > 0).cloned().collect();
    let best = advice::best(available, wanted, SUGGESTIONS);
    Decision::Suggest { products: best.into_iter().map(|product| product.id).collect() }
}
