//! `book_pickup`: a courier's van; the one action that can neither be repeated nor looked up.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::{
    ActionKind, Shop, ShopError,
    action::{Arrival, count},
};
use crate::id::OrderId;

/// A van that will come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pickup {
    /// The order whose goods it fetches.
    pub order: OrderId,
    /// The day it comes.
    pub day: Date,
    /// The courier's confirmation; a second van for the same order has another.
    pub confirmation: String,
}

impl Shop {
    /// Books a van to fetch goods of `order` on `day`. At most once: the courier takes no key and
    /// answers no questions, so every request sends a van.
    ///
    /// # Errors
    /// [`ShopError::Missing`] for an unknown order, or a database that does not answer.
    pub async fn book_pickup(&self, order: &OrderId, day: Date) -> Result<Pickup, ShopError> {
        let mut tx = self.begin().await?;
        let booked = sqlx::query(self.sql(
            "INSERT INTO shop.pickups (order_id, day, at)
             SELECT id, $2, {now} FROM shop.orders WHERE id = $1",
        ))
        .bind(order.as_str())
        .bind(day.to_string())
        .execute(&mut *tx)
        .await?;
        if booked.rows_affected() == 0 {
            return Err(ShopError::Missing { what: "order", id: order.to_string() });
        }
        count(self.dialect, &mut tx, ActionKind::BookPickup, order.as_str(), Arrival::Performed)
            .await?;
        let sql = self.sql("SELECT count(*) AS vans FROM shop.pickups WHERE order_id = $1");
        let vans: i64 =
            sqlx::query(sql).bind(order.as_str()).fetch_one(&mut *tx).await?.try_get("vans")?;
        tx.commit().await?;
        let number = order.as_str().trim_start_matches("HP-");
        let confirmation = format!("VAN-{number}-{vans}");
        Ok(Pickup { order: order.clone(), day, confirmation })
    }
}
