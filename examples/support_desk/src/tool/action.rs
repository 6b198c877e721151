//! What moves money, goods and messages. Each says what a repeat would do, because a crash between
//! a request and its answer leaves nothing else to decide by.

use jiff::civil::Date;
use mainstay::prelude::*;

use super::{failure, shop};
use crate::{
    cents::Cents,
    id::{ItemId, OrderId, PaymentId, ProductId},
    shop::{Cancellation, Exchange, Message, Pickup, Receipt},
};

/// Pays an amount of a payment back.
///
/// The payment system keeps the key with the refund: a repeat gets the first receipt.
#[tool(effect = idempotent(key_valid_for = forever), irreversible, timeout = "5s", retry = 3)]
pub(crate) async fn refund(
    cx: &ToolContext,
    payment: PaymentId,
    cents: Cents,
) -> Result<Receipt, ToolFailure> {
    let key = cx.idempotency_key().to_string();
    shop(cx)?.refund(&key, &payment, cents).await.map_err(failure)
}

/// Sends a product in exchange for an order's line.
///
/// The warehouse sends a parcel for every request, but it can be asked for our reference.
#[tool(
    effect = reconcilable(visible_within = "100ms"),
    irreversible,
    timeout = "2s",
    reconcile = find_exchange
)]
pub(crate) async fn exchange(
    cx: &ToolContext,
    item: ItemId,
    product: ProductId,
) -> Result<Exchange, ToolFailure> {
    let reference = cx.idempotency_key().to_string();
    shop(cx)?.exchange(&reference, &item, &product).await.map_err(failure)
}

async fn find_exchange(
    cx: &ToolContext,
    _item: ItemId,
    _product: ProductId,
) -> Reconciled<Exchange> {
    let Ok(shop) = shop(cx) else { return Reconciled::Unknown };
    match shop.find_exchange(&cx.idempotency_key().to_string()).await {
        Ok(Some(exchange)) => Reconciled::Happened(exchange),
        Ok(None) => Reconciled::Absent,
        Err(_) => Reconciled::Unknown,
    }
}

/// Calls an order off before it leaves.
///
/// An order that is cancelled stays cancelled, so a repeat needs no key.
#[tool(effect = idempotent(key_valid_for = forever), irreversible, timeout = "5s", retry = 3)]
pub(crate) async fn cancel_order(
    cx: &ToolContext,
    order: OrderId,
) -> Result<Cancellation, ToolFailure> {
    shop(cx)?.cancel_order(&order).await.map_err(failure)
}

/// Books a van that fetches the goods of an order.
///
/// The courier knows no keys and answers no questions: every request sends a van.
#[tool(effect = at_most_once, irreversible, timeout = "5s")]
pub(crate) async fn book_pickup(
    cx: &ToolContext,
    order: OrderId,
    day: Date,
) -> Result<Pickup, ToolFailure> {
    shop(cx)?.book_pickup(&order, day).await.map_err(failure)
}

/// Puts a message to a customer into the outbox.
///
/// The outbox keeps the key with the message: a repeat changes nothing.
#[tool(effect = idempotent(key_valid_for = forever), irreversible, timeout = "5s", retry = 3)]
pub(crate) async fn send_message(cx: &ToolContext, message: Message) -> Result<(), ToolFailure> {
    let key = cx.idempotency_key().to_string();
    shop(cx)?.send(&key, &message).await.map_err(failure)
}
