//! How often each external action happened: the number every promise of the desk comes down to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::{Shop, ShopError, Tx, dialect::Dialect, read};
use crate::words::words;

words! {
    /// What was done to the outside.
    ActionKind {
        /// Money went back; the subject is the payment.
        Refund = "refund",
        /// A replacement left; the subject is the order's line.
        Exchange = "exchange",
        /// An order was called off; the subject is the order.
        CancelOrder = "cancel_order",
        /// A van was sent; the subject is the order.
        BookPickup = "book_pickup",
        /// A message left; the subject is the ticket.
        Send = "send",
        /// An account was opened; the subject is the address.
        CreateAccount = "create_account",
        /// An account was closed again; the subject is the account.
        DeleteAccount = "delete_account",
        /// Somebody joined the loyalty programme; the subject is the account.
        LoyaltyEnrol = "loyalty_enrol",
        /// Somebody left it again; the subject is the account.
        LoyaltyWithdraw = "loyalty_withdraw",
    }
}

/// One line of the count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// What was done.
    pub action: ActionKind,
    /// What it was done to.
    pub subject: String,
    /// How many requests arrived, repeats included.
    pub arrivals: i64,
    /// How many of them changed something; more than one means it happened twice.
    pub performed: i64,
    /// When the first request arrived, in microseconds since 1970 on the database's clock.
    pub first_at: i64,
    /// When the last one did.
    pub last_at: i64,
}

/// Whether a request changed something or found it done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    Performed,
    Repeated,
}

/// Counts an arrival in the transaction of what it did, so that neither can be lost alone.
pub(super) async fn count(
    dialect: Dialect,
    tx: &mut Tx,
    action: ActionKind,
    subject: &str,
    arrival: Arrival,
) -> Result<(), ShopError> {
    let performed = match arrival {
        Arrival::Performed => 1_i64,
        Arrival::Repeated => 0,
    };
    sqlx::query(dialect.sql(
        "INSERT INTO shop.actions AS a (action, subject, arrivals, performed, first_at, last_at)
         VALUES ($1, $2, 1, $3, {now}, {now})
         ON CONFLICT (action, subject) DO UPDATE SET arrivals = a.arrivals + 1,
             performed = a.performed + excluded.performed, last_at = excluded.last_at",
    ))
    .bind(action.word())
    .bind(subject)
    .bind(performed)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl Shop {
    /// Returns the whole count, by kind and subject.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn actions(&self) -> Result<Vec<Action>, ShopError> {
        let sql = self.sql(
            "SELECT action, subject, arrivals, performed, first_at, last_at FROM shop.actions
             ORDER BY action, subject",
        );
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(Action {
                    action: read::word(row, "action", ActionKind::read)?,
                    subject: read::text(row, "subject")?,
                    arrivals: row.try_get("arrivals")?,
                    performed: row.try_get("performed")?,
                    first_at: row.try_get("first_at")?,
                    last_at: row.try_get("last_at")?,
                })
            })
            .collect()
    }
}
