//! `exchange`: another piece for one that was bought; it can be looked up, but not repeated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::{
    ActionKind, Refusal, Shop, ShopError, Tx,
    action::{Arrival, count},
    read,
};
use crate::id::{ItemId, ProductId};

/// A replacement on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange {
    /// Our own reference, by which it can be found again.
    pub reference: String,
    /// The order's line that comes back.
    pub item: ItemId,
    /// What leaves for it.
    pub product: ProductId,
}

impl Shop {
    /// Sends `product` for the goods of `item`. Reconcilable: the warehouse does not know that two
    /// requests with one reference are the same and sends a parcel for each, so look
    /// [`find_exchange`](Self::find_exchange) up before repeating. It is visible at once.
    ///
    /// # Errors
    /// [`Refusal::OutOfStock`], [`ShopError::Missing`] for an unknown line or product, or a
    /// database that does not answer.
    pub async fn exchange(
        &self,
        reference: &str,
        item: &ItemId,
        product: &ProductId,
    ) -> Result<Exchange, ShopError> {
        let mut tx = self.begin().await?;
        let pieces = self.pieces(&mut tx, item).await?;
        self.take_from_stock(&mut tx, product, pieces).await?;
        sqlx::query(self.sql(
            "INSERT INTO shop.exchanges (reference, item, product, at) VALUES ($1, $2, $3, {now})",
        ))
        .bind(reference)
        .bind(item.as_str())
        .bind(product.as_str())
        .execute(&mut *tx)
        .await?;
        count(self.dialect, &mut tx, ActionKind::Exchange, item.as_str(), Arrival::Performed)
            .await?;
        tx.commit().await?;
        Ok(Exchange {
            reference: reference.to_owned(),
            item: item.clone(),
            product: product.clone(),
        })
    }

    /// Returns the exchange made under our reference, if there is one.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn find_exchange(&self, reference: &str) -> Result<Option<Exchange>, ShopError> {
        let sql = self.sql(
            "SELECT reference, item, product FROM shop.exchanges WHERE reference = $1 ORDER BY id",
        );
        let rows = sqlx::query(sql).bind(reference).fetch_all(&self.pool).await?;
        let read_exchange = |row| {
            Ok(Exchange {
                reference: read::text(row, "reference")?,
                item: ItemId::new(read::text(row, "item")?),
                product: ProductId::new(read::text(row, "product")?),
            })
        };
        rows.first().map(read_exchange).transpose()
    }

    async fn pieces(&self, tx: &mut Tx, item: &ItemId) -> Result<i64, ShopError> {
        let sql = self.sql("SELECT quantity FROM shop.items WHERE id = $1");
        let row = sqlx::query(sql).bind(item.as_str()).fetch_optional(&mut **tx).await?;
        match row {
            Some(row) => Ok(row.try_get("quantity")?),
            None => Err(ShopError::Missing { what: "order line", id: item.to_string() }),
        }
    }

    async fn take_from_stock(
        &self,
        tx: &mut Tx,
        product: &ProductId,
        pieces: i64,
    ) -> Result<(), ShopError> {
        let sql = "UPDATE shop.products SET stock = stock - $2 WHERE id = $1 AND stock >= $2";
        let taken = sqlx::query(self.sql(sql))
            .bind(product.as_str())
            .bind(pieces)
            .execute(&mut **tx)
            .await?;
        if taken.rows_affected() == 1 {
            return Ok(());
        }
        let known = sqlx::query(self.sql("SELECT id FROM shop.products WHERE id = $1"))
            .bind(product.as_str())
            .fetch_optional(&mut **tx)
            .await?;
        Err(match known {
            Some(_) => Refusal::OutOfStock(product.to_string()).into(),
            None => ShopError::Missing { what: "product", id: product.to_string() },
        })
    }
}
