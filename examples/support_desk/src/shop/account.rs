//! Onboarding: an account in the shop, then a place in the loyalty programme, which is another
//! system and may say no. What was done is undone by the two operations that take it back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ActionKind, Refusal, Shop, ShopError, TODAY, Tx,
    action::{Arrival, count},
    read,
};
use crate::id::CustomerId;

/// The loyalty programme takes nobody whose address contains this, so that a sample sign-up can
/// fail at the second of two systems.
pub const LOYALTY_REFUSES: &str = "+noloyalty";

/// An account as it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Its number.
    pub customer: CustomerId,
    /// Its address, in lower case.
    pub email: String,
}

impl Shop {
    /// Opens an account, once for each `key`. Idempotent: a repeat with the same key answers with
    /// the account of the first.
    ///
    /// # Errors
    /// [`Refusal::AddressTaken`], [`Refusal::KeyReused`] for a key of another address, or a
    /// database that does not answer.
    pub async fn create_account(
        &self,
        key: &str,
        name: &str,
        email: &str,
        city: &str,
    ) -> Result<Account, ShopError> {
        let email = email.trim().to_lowercase();
        let account = Account { customer: number_for(&email), email };
        let mut tx = self.begin().await?;
        let arrival = self.claim_account(&mut tx, key, &account).await?;
        if arrival == Arrival::Performed {
            self.insert_customer(&mut tx, &account, name, city).await?;
        }
        count(self.dialect, &mut tx, ActionKind::CreateAccount, &account.email, arrival).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Closes an account. Idempotent by nature: closed is closed.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn delete_account(&self, customer: &CustomerId) -> Result<(), ShopError> {
        let sql = "DELETE FROM shop.customers WHERE id = $1";
        self.change(sql, ActionKind::DeleteAccount, customer).await
    }

    /// Enrols an account in the loyalty programme. Idempotent by nature: a member stays one.
    ///
    /// # Errors
    /// [`Refusal::LoyaltyClosed`] for an address with [`LOYALTY_REFUSES`] in it, for good;
    /// [`ShopError::Missing`] for an unknown account, or a database that does not answer.
    pub async fn loyalty_enrol(&self, customer: &CustomerId) -> Result<(), ShopError> {
        let sql = self.sql("SELECT email FROM shop.customers WHERE id = $1");
        let row = sqlx::query(sql).bind(customer.as_str()).fetch_optional(&self.pool).await?;
        let Some(row) = row else {
            return Err(ShopError::Missing { what: "account", id: customer.to_string() });
        };
        let email = read::text(&row, "email")?;
        if email.contains(LOYALTY_REFUSES) {
            return Err(Refusal::LoyaltyClosed(email).into());
        }
        let sql = "INSERT INTO shop.loyalty (customer, at) VALUES ($1, {now})
                   ON CONFLICT (customer) DO NOTHING";
        self.change(sql, ActionKind::LoyaltyEnrol, customer).await
    }

    /// Takes an account out of the loyalty programme. Idempotent by nature.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn loyalty_withdraw(&self, customer: &CustomerId) -> Result<(), ShopError> {
        let sql = "DELETE FROM shop.loyalty WHERE customer = $1";
        self.change(sql, ActionKind::LoyaltyWithdraw, customer).await
    }

    /// Runs one statement about one account; it performed something if it touched a row.
    async fn change(
        &self,
        sql: &str,
        action: ActionKind,
        customer: &CustomerId,
    ) -> Result<(), ShopError> {
        let mut tx = self.begin().await?;
        let changed = sqlx::query(self.sql(sql)).bind(customer.as_str()).execute(&mut *tx).await?;
        let arrival = match changed.rows_affected() {
            0 => Arrival::Repeated,
            _ => Arrival::Performed,
        };
        count(self.dialect, &mut tx, action, customer.as_str(), arrival).await?;
        Ok(tx.commit().await?)
    }

    async fn claim_account(
        &self,
        tx: &mut Tx,
        key: &str,
        account: &Account,
    ) -> Result<Arrival, ShopError> {
        let claimed = sqlx::query(self.sql(
            "INSERT INTO shop.accounts (key, customer, email, at) VALUES ($1, $2, $3, {now})
             ON CONFLICT (key) DO NOTHING",
        ))
        .bind(key)
        .bind(account.customer.as_str())
        .bind(account.email.as_str())
        .execute(&mut **tx)
        .await?;
        if claimed.rows_affected() == 1 {
            return Ok(Arrival::Performed);
        }
        let sql = self.sql("SELECT email FROM shop.accounts WHERE key = $1");
        let first = sqlx::query(sql).bind(key).fetch_one(&mut **tx).await?;
        if read::text(&first, "email")? == account.email {
            return Ok(Arrival::Repeated);
        }
        Err(Refusal::KeyReused(key.to_owned()).into())
    }

    async fn insert_customer(
        &self,
        tx: &mut Tx,
        account: &Account,
        name: &str,
        city: &str,
    ) -> Result<(), ShopError> {
        let inserted = sqlx::query(self.sql(
            "INSERT INTO shop.customers (id, name, email, city, since)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        ))
        .bind(account.customer.as_str())
        .bind(name)
        .bind(account.email.as_str())
        .bind(city)
        .bind(TODAY.to_string())
        .execute(&mut **tx)
        .await?;
        if inserted.rows_affected() == 1 {
            return Ok(());
        }
        Err(Refusal::AddressTaken(account.email.clone()).into())
    }
}

/// Returns the number an address gets: 32 bits of FNV-1a (Fowler, Noll, Vo), so that one sign-up
/// has one number on every machine, whatever else is going on.
fn number_for(email: &str) -> CustomerId {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    CustomerId::new(format!("N-{:08X}", email.bytes().fold(0x811c_9dc5, step)))
}
