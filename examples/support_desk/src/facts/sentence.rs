//! The sentences of the facts: what happened, in words that a letter could use as they are.

use super::Facts;
use crate::{
    rules::{Goods, No, Refund},
    shop::{Cancellation, Order, OrderStatus, Pickup, Product},
};

impl Facts {
    /// Says what became of a refund; `pickup` is the van that comes for the goods.
    #[must_use]
    pub fn refunded(refund: &Refund, order: &Order, pickup: Option<&Pickup>) -> Self {
        let names: Vec<_> = order
            .items
            .iter()
            .filter(|item| refund.items.contains(&item.id))
            .map(|item| item.name.as_str())
            .collect();
        let facts = Self::default().with(format!(
            "For {} from order {}, {} EUR go back to your {}.",
            names.join(" and "),
            order.id,
            refund.cents,
            order.payment.method,
        ));
        match (refund.goods, pickup) {
            (Goods::Kept, _) => facts.with("The goods need not come back."),
            (Goods::Fetched, Some(pickup)) => facts.with(format!(
                "A van fetches the goods on {} (confirmation {}).",
                pickup.day, pickup.confirmation
            )),
            (Goods::Fetched, None) => {
                facts.with("We will write again about when the goods are fetched.")
            }
        }
    }

    /// Says that a refund was looked at by a person who did not agree to it.
    #[must_use]
    pub fn refund_rejected(refund: &Refund) -> Self {
        Self::default().with(format!(
            "We looked at the return from order {} and cannot pay it back.",
            refund.order
        ))
    }

    /// Says what is exchanged for what.
    #[must_use]
    pub fn exchanged(order: &Order, from: &str, to: &Product) -> Self {
        Self::default().with(format!(
            "For {from} from order {}, {} is on its way; please hand the old piece to the driver.",
            order.id, to.name
        ))
    }

    /// Says that an order was called off.
    #[must_use]
    pub fn cancelled(cancellation: &Cancellation) -> Self {
        Self::default().with(format!(
            "Order {} is cancelled and {} EUR go back to you.",
            cancellation.order, cancellation.refunded
        ))
    }

    /// Says where an order stands.
    #[must_use]
    pub fn described(order: &Order) -> Self {
        let tracking = order.tracking.as_deref().unwrap_or("not known yet");
        let sentence = match order.status {
            OrderStatus::Paid | OrderStatus::Packed => format!(
                "Order {} of {} is {} and should arrive on {}.",
                order.id,
                order.placed,
                order.status.word(),
                order.due
            ),
            OrderStatus::Shipped => format!(
                "Order {} left us on {} and should arrive on {}; its tracking number is {tracking}.",
                order.id,
                order.shipped.unwrap_or(order.due),
                order.due
            ),
            OrderStatus::Delivered => format!(
                "Order {} was delivered on {}; its tracking number is {tracking}.",
                order.id,
                order.delivered.unwrap_or(order.due)
            ),
            OrderStatus::Returned => {
                format!(
                    "Order {} came back and {} EUR were paid back.",
                    order.id, order.payment.refunded
                )
            }
            OrderStatus::Cancelled => {
                format!(
                    "Order {} was cancelled and {} EUR were paid back.",
                    order.id, order.payment.refunded
                )
            }
        };
        Self::default().with(sentence).with(format!(
            "Order {} came to {} EUR, paid by {}: {}.",
            order.id,
            order.payment.paid,
            order.payment.method,
            order.items.iter().map(|i| i.name.as_str()).collect::<Vec<_>>().join("; ")
        ))
    }

    /// Says what would suit.
    #[must_use]
    pub fn suggested(products: &[Product]) -> Self {
        if products.is_empty() {
            return Self::default().with("We have nothing of that kind.");
        }
        products.iter().fold(Self::default(), |facts, product| {
            facts.with(format!("{} ({} EUR): {}", product.name, product.price, product.about))
        })
    }

    /// Asks which order is meant.
    #[must_use]
    pub fn asked(orders: &[Order]) -> Self {
        if orders.is_empty() {
            return Self::default()
                .with("We find no order under your address; please tell us the order's number.");
        }
        orders.iter().fold(
            Self::default().with("Please tell us which of these orders you mean."),
            |facts, order| {
                let names: Vec<_> = order.items.iter().map(|item| item.name.as_str()).collect();
                facts.with(format!("Order {} of {}: {}.", order.id, order.placed, names.join("; ")))
            },
        )
    }

    /// Says why not.
    #[must_use]
    pub fn refused(no: &No) -> Self {
        Self::default().with(no.to_string())
    }
}
