//! `cancel_order`: calling an order off before it leaves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};

use super::{
    ActionKind, OrderStatus, Refusal, Shop, ShopError, Tx,
    action::{Arrival, count},
    read,
};
use crate::{
    cents::Cents,
    id::{OrderId, PaymentId},
};

/// An order that was called off, and the money that went back for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cancellation {
    /// The order.
    pub order: OrderId,
    /// Its whole payment.
    pub refunded: Cents,
}

impl Shop {
    /// Calls an order off and pays it back. Idempotent by nature, forever and without a key: an
    /// order that is cancelled stays cancelled and its payment goes back once.
    ///
    /// # Errors
    /// [`Refusal::Status`] once the parcel has left, [`ShopError::Missing`] for an unknown order,
    /// or a database that does not answer.
    pub async fn cancel_order(&self, order: &OrderId) -> Result<Cancellation, ShopError> {
        let mut tx = self.begin().await?;
        let changed = sqlx::query(self.sql(
            "UPDATE shop.orders SET status = 'cancelled'
             WHERE id = $1 AND status IN ('paid', 'packed')",
        ))
        .bind(order.as_str())
        .execute(&mut *tx)
        .await?;
        let cancellation = self.cancelled(&mut tx, order).await?;
        let arrival = match changed.rows_affected() {
            0 => Arrival::Repeated,
            _ => Arrival::Performed,
        };
        if arrival == Arrival::Performed {
            self.pay_back(&mut tx, order).await?;
        }
        count(self.dialect, &mut tx, ActionKind::CancelOrder, order.as_str(), arrival).await?;
        tx.commit().await?;
        Ok(cancellation)
    }

    /// Returns what a cancellation of this order comes to, first or repeated.
    async fn cancelled(&self, tx: &mut Tx, order: &OrderId) -> Result<Cancellation, ShopError> {
        let row = self.payment_of(tx, order).await?;
        match read::word(&row, "status", OrderStatus::read)? {
            OrderStatus::Cancelled => {
                Ok(Cancellation { order: order.clone(), refunded: read::cents(&row, "paid")? })
            }
            status @ (OrderStatus::Paid
            | OrderStatus::Packed
            | OrderStatus::Shipped
            | OrderStatus::Delivered
            | OrderStatus::Returned) => Err(Refusal::Status(status).into()),
        }
    }

    async fn pay_back(&self, tx: &mut Tx, order: &OrderId) -> Result<(), ShopError> {
        let row = self.payment_of(tx, order).await?;
        let payment = PaymentId::new(read::text(&row, "id")?);
        let rest = Cents::new(row.try_get::<i64, _>("paid")? - row.try_get::<i64, _>("refunded")?);
        sqlx::query(self.sql("UPDATE shop.payments SET refunded = paid WHERE id = $1"))
            .bind(payment.as_str())
            .execute(&mut **tx)
            .await?;
        self.enter_in_ledger(tx, &payment, "cancellation", rest).await
    }

    async fn payment_of(&self, tx: &mut Tx, order: &OrderId) -> Result<AnyRow, ShopError> {
        let sql = self.sql(
            "SELECT p.id, p.paid, p.refunded, o.status FROM shop.payments p
             JOIN shop.orders o ON o.id = p.order_id WHERE o.id = $1",
        );
        let row = sqlx::query(sql).bind(order.as_str()).fetch_optional(&mut **tx).await?;
        row.ok_or_else(|| ShopError::Missing { what: "order", id: order.to_string() })
    }
}
