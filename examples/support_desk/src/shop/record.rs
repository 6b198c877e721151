//! What the shop knows: customers, products, orders with their items and payment.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cents::Cents,
    id::{CustomerId, ItemId, OrderId, PaymentId, ProductId},
    words::words,
};

/// Somebody who has an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Customer {
    /// The account's number.
    pub id: CustomerId,
    /// First and last name.
    pub name: String,
    /// The address letters come from, in lower case.
    pub email: String,
    /// Where parcels go.
    pub city: String,
    /// The day the account was opened.
    pub since: Date,
}

/// Something the shop sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    /// The article number.
    pub id: ProductId,
    /// The name with colour or size, as it stands on the bill.
    pub name: String,
    /// The family; goods are exchanged only within one.
    pub family: String,
    /// One sentence a salesperson would say.
    pub about: String,
    /// Today's price.
    pub price: Cents,
    /// Pieces in the warehouse.
    pub stock: i64,
    /// Whether it can go back without a fault.
    pub takes_back: TakesBack,
}

words! {
    /// Whether an article can be sent back because the customer changed their mind.
    TakesBack {
        /// Within the return window.
        Always = "always",
        /// Only if it arrived broken: food, hygiene, gift cards, engraved goods.
        OnlyFaulty = "only_faulty",
    }
}

words! {
    /// Where an order stands.
    OrderStatus {
        /// Paid, not yet touched.
        Paid = "paid",
        /// In a box, waiting for the courier.
        Packed = "packed",
        /// With the courier.
        Shipped = "shipped",
        /// At the customer's door.
        Delivered = "delivered",
        /// Back in the warehouse.
        Returned = "returned",
        /// Called off before it left.
        Cancelled = "cancelled",
    }
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderItem {
    /// The line's number.
    pub id: ItemId,
    /// What was bought.
    pub product: ProductId,
    /// Its name at the time.
    pub name: String,
    /// Its family.
    pub family: String,
    /// Whether it can go back without a fault.
    pub takes_back: TakesBack,
    /// How many.
    pub quantity: i64,
    /// The price of one piece at the time, before the order's discount.
    pub price: Cents,
}

/// Money that came in for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Payment {
    /// The payment's number.
    pub id: PaymentId,
    /// How it was paid, such as `card`.
    pub method: String,
    /// What was paid.
    pub paid: Cents,
    /// What has gone back so far.
    pub refunded: Cents,
}

/// An order as the desk sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The order's number.
    pub id: OrderId,
    /// Who ordered.
    pub customer: CustomerId,
    /// Where it stands.
    pub status: OrderStatus,
    /// The day it was placed.
    pub placed: Date,
    /// The day the courier took it.
    pub shipped: Option<Date>,
    /// The day it arrived; for a parcel on its way, nothing.
    pub delivered: Option<Date>,
    /// The day it should arrive or should have arrived.
    pub due: Date,
    /// The courier's number for the parcel.
    pub tracking: Option<String>,
    /// What was taken off the goods' price, in percent.
    pub discount_percent: i64,
    /// What sending it cost.
    pub shipping: Cents,
    /// Its lines, in order.
    pub items: Vec<OrderItem>,
    /// Its payment.
    pub payment: Payment,
}

impl Order {
    /// Returns what the customer paid for a line, after the order's discount.
    #[must_use]
    pub fn paid_for(&self, item: &OrderItem) -> Cents {
        item.price.times(item.quantity).discounted(self.discount_percent)
    }

    /// Returns what the lines and the shipping come to.
    #[must_use]
    pub fn total(&self) -> Cents {
        self.items.iter().map(|item| self.paid_for(item)).sum::<Cents>().plus(self.shipping)
    }
}
