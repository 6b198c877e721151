//! `refund`: money back, once a key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::{
    ActionKind, Refusal, Shop, ShopError, Tx,
    action::{Arrival, count},
    read,
};
use crate::{cents::Cents, id::PaymentId};

/// What the payment system hands back; a repeat under the same key gets the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The payment the money came from.
    pub payment: PaymentId,
    /// How much went back.
    pub cents: Cents,
}

impl Shop {
    /// Pays `cents` of `payment` back, once for each `key`. Idempotent: a repeat with the same key
    /// answers with the first receipt, however late it comes.
    ///
    /// # Errors
    /// [`Refusal::KeyReused`] for a key of another payment or amount, [`Refusal::MoreThanPaid`],
    /// [`ShopError::Missing`] for an unknown payment, or a database that does not answer.
    pub async fn refund(
        &self,
        key: &str,
        payment: &PaymentId,
        cents: Cents,
    ) -> Result<Receipt, ShopError> {
        let receipt = Receipt { payment: payment.clone(), cents };
        let mut tx = self.begin().await?;
        let arrival = self.claim_refund(&mut tx, key, &receipt).await?;
        if arrival == Arrival::Performed {
            self.take_from_payment(&mut tx, &receipt).await?;
            self.enter_in_ledger(&mut tx, payment, "refund", cents).await?;
        }
        count(self.dialect, &mut tx, ActionKind::Refund, payment.as_str(), arrival).await?;
        tx.commit().await?;
        Ok(receipt)
    }

    /// The unique key decides between two requests that arrive at the same time: the second waits
    /// for the first and then finds its row.
    async fn claim_refund(
        &self,
        tx: &mut Tx,
        key: &str,
        wanted: &Receipt,
    ) -> Result<Arrival, ShopError> {
        let claimed = sqlx::query(self.sql(
            "INSERT INTO shop.refunds (key, payment, cents, at) VALUES ($1, $2, $3, {now})
             ON CONFLICT (key) DO NOTHING",
        ))
        .bind(key)
        .bind(wanted.payment.as_str())
        .bind(wanted.cents.get())
        .execute(&mut **tx)
        .await?;
        if claimed.rows_affected() == 1 {
            return Ok(Arrival::Performed);
        }
        let sql = self.sql("SELECT payment, cents FROM shop.refunds WHERE key = $1");
        let first = sqlx::query(sql).bind(key).fetch_one(&mut **tx).await?;
        let first = Receipt {
            payment: PaymentId::new(read::text(&first, "payment")?),
            cents: read::cents(&first, "cents")?,
        };
        if first == *wanted {
            return Ok(Arrival::Repeated);
        }
        Err(Refusal::KeyReused(key.to_owned()).into())
    }

    async fn take_from_payment(&self, tx: &mut Tx, receipt: &Receipt) -> Result<(), ShopError> {
        let taken = sqlx::query(self.sql(
            "UPDATE shop.payments SET refunded = refunded + $2
             WHERE id = $1 AND refunded + $2 <= paid",
        ))
        .bind(receipt.payment.as_str())
        .bind(receipt.cents.get())
        .execute(&mut **tx)
        .await?;
        if taken.rows_affected() == 1 {
            return Ok(());
        }
        let sql = self.sql("SELECT paid - refunded AS rest FROM shop.payments WHERE id = $1");
        let row = sqlx::query(sql).bind(receipt.payment.as_str()).fetch_optional(&mut **tx).await?;
        let Some(row) = row else {
            return Err(ShopError::Missing { what: "payment", id: receipt.payment.to_string() });
        };
        let left = Cents::new(row.try_get("rest")?);
        Err(Refusal::MoreThanPaid { wanted: receipt.cents, left }.into())
    }

    pub(super) async fn enter_in_ledger(
        &self,
        tx: &mut Tx,
        payment: &PaymentId,
        reason: &str,
        cents: Cents,
    ) -> Result<(), ShopError> {
        sqlx::query(self.sql(
            "INSERT INTO shop.ledger (payment, reason, cents, at) VALUES ($1, $2, $3, {now})",
        ))
        .bind(payment.as_str())
        .bind(reason)
        .bind(-cents.get())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}
