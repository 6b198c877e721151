//! `send`: a message to a customer, as a row that a mail server would empty.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ActionKind, Refusal, Shop, ShopError,
    action::{Arrival, count},
    read,
};
use crate::id::TicketId;

/// A message to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// The letter it answers.
    pub ticket: TicketId,
    /// The address it goes to.
    pub to: String,
    /// Its subject line.
    pub subject: String,
    /// Its text.
    pub body: String,
}

impl Shop {
    /// Puts `message` in the outbox, once for each `key`. Idempotent: a repeat with the same key
    /// changes nothing.
    ///
    /// # Errors
    /// [`Refusal::KeyReused`] for a key that sent another message, or a database that does not
    /// answer.
    pub async fn send(&self, key: &str, message: &Message) -> Result<(), ShopError> {
        let mut tx = self.begin().await?;
        let sent = sqlx::query(self.sql(
            "INSERT INTO shop.messages (key, ticket, recipient, subject, body, at)
             VALUES ($1, $2, $3, $4, $5, {now}) ON CONFLICT (key) DO NOTHING",
        ))
        .bind(key)
        .bind(message.ticket.as_str())
        .bind(message.to.as_str())
        .bind(message.subject.as_str())
        .bind(message.body.as_str())
        .execute(&mut *tx)
        .await?;
        let arrival = match sent.rows_affected() {
            0 => self.sent_before(&mut tx, key, message).await?,
            _ => Arrival::Performed,
        };
        count(self.dialect, &mut tx, ActionKind::Send, message.ticket.as_str(), arrival).await?;
        Ok(tx.commit().await?)
    }

    /// Returns everything in the outbox, by ticket.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn outbox(&self) -> Result<Vec<Message>, ShopError> {
        let sql = self
            .sql("SELECT ticket, recipient, subject, body FROM shop.messages ORDER BY ticket, at");
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        rows.iter().map(message).collect()
    }

    async fn sent_before(
        &self,
        tx: &mut super::Tx,
        key: &str,
        wanted: &Message,
    ) -> Result<Arrival, ShopError> {
        let sql =
            self.sql("SELECT ticket, recipient, subject, body FROM shop.messages WHERE key = $1");
        let first = sqlx::query(sql).bind(key).fetch_one(&mut **tx).await?;
        if message(&first)? == *wanted {
            return Ok(Arrival::Repeated);
        }
        Err(Refusal::KeyReused(key.to_owned()).into())
    }
}

fn message(row: &sqlx::any::AnyRow) -> Result<Message, ShopError> {
    Ok(Message {
        ticket: TicketId::new(read::text(row, "ticket")?),
        to: read::text(row, "recipient")?,
        subject: read::text(row, "subject")?,
        body: read::text(row, "body")?,
    })
}
