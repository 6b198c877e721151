//! Calling an order off, which works until the courier has it.

use super::{Decision, No, find};
use crate::{
    shop::{Order, OrderStatus},
    wish::Wish,
};

pub(super) fn decide(wish: &Wish, orders: &[Order]) -> Decision {
    match find::order(wish, orders, |order| still_here(order.status)) {
        Err(ask) => ask,
        Ok(order) if still_here(order.status) => Decision::Cancel { order: order.id.clone() },
        Ok(order) => {
            Decision::Refuse(No::WrongStatus { order: order.id.clone(), status: order.status })
        }
    }
}

fn still_here(status: OrderStatus) -> bool {
    match status {
        OrderStatus::Paid | OrderStatus::Packed => true,
        OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Returned
        | OrderStatus::Cancelled => false,
    }
}
