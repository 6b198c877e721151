//! The shop's database: the systems around the desk, played by tables in the flow's own database.
//!
//! # Effect classes, and why the shop keeps to them
//!
//! | operation | class | what a repeat does |
//! |---|---|---|
//! | every read | `read` | answers again |
//! | [`refund`](Shop::refund) | `idempotent` by key | one row a key: answers with the first receipt |
//! | [`exchange`](Shop::exchange) | `reconcilable` | **exchanges again**; look our reference up first |
//! | [`cancel_order`](Shop::cancel_order) | `idempotent`, key valid forever | an order is cancelled or it is not |
//! | [`book_pickup`](Shop::book_pickup) | `at_most_once` | **sends another van**; nothing can be looked up |
//! | [`send`](Shop::send) | `idempotent` by key | one row a key |
//! | [`create_account`](Shop::create_account) | `idempotent` by key | answers with the first account |
//! | [`delete_account`](Shop::delete_account), [`loyalty_enrol`](Shop::loyalty_enrol), [`loyalty_withdraw`](Shop::loyalty_withdraw) | `idempotent`, key valid forever | there or not there |
//!
//! Two operations repeat themselves on purpose, as real couriers and old warehouse systems do: a
//! shop that forgave every repeat could not show that none was made.
//!
//! # Counting
//!
//! Each change is counted in `shop_actions` by what a *person* would call the same thing (this
//! payment's refund, this order's pickup), not by key: a defect that invents a second key would
//! refund twice under two unique keys, and the count says 2. See [`Action`].

mod account;
mod action;
mod cancel;
mod catalogue;
mod dialect;
mod error;
mod exchange;
mod fill;
mod generate;
mod outbox;
mod pickup;
mod random;
mod read;
mod record;
mod refund;
mod schema;

use std::time::Duration;

use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, Executor as _, Transaction, any::AnyPoolOptions,
};

use self::dialect::Dialect;
pub use self::{
    account::{Account, LOYALTY_REFUSES},
    action::{Action, ActionKind},
    cancel::Cancellation,
    error::{Refusal, ShopError},
    exchange::Exchange,
    generate::{SEED, Stock, TODAY, generate},
    outbox::Message,
    pickup::Pickup,
    record::{Customer, Order, OrderItem, OrderStatus, Payment, Product, TakesBack},
    refund::Receipt,
};

/// How long a statement waits for another writer of the same SQLite file.
const BUSY: Duration = Duration::from_secs(5);
/// Connections the shop keeps; its transactions are short and the engine needs the rest.
const CONNECTIONS: u32 = 4;

type Tx = Transaction<'static, sqlx::Any>;

/// A handle on the shop; clones share its connections.
#[derive(Debug, Clone)]
pub struct Shop {
    pool: AnyPool,
    dialect: Dialect,
}

impl Shop {
    /// Opens the shop in the database at `url` (`postgres://…` or `sqlite://path`), making the
    /// SQLite file if there is none.
    ///
    /// # Errors
    /// A URL of another kind, or a database that does not answer.
    pub async fn open(url: &str) -> Result<Self, ShopError> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of(url).ok_or_else(|| ShopError::Url(url.to_owned()))?;
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(BUSY)
            .after_connect(move |connection, _| Box::pin(prepare(connection, dialect)))
            .connect(&dialect.connect_url(url))
            .await?;
        Ok(Self { pool, dialect })
    }

    /// Makes the tables and fills them with the shop of `seed`; a shop already filled stays as it
    /// is.
    ///
    /// # Errors
    /// [`ShopError::FilledOtherwise`] if the tables hold the shop of another seed, or a database
    /// that does not answer.
    pub async fn create_and_fill(&self, seed: u64) -> Result<(), ShopError> {
        let mut tx = self.begin().await?;
        schema::create(self.dialect, &mut tx).await?;
        fill::fill(self.dialect, &mut tx, seed).await?;
        Ok(tx.commit().await?)
    }

    /// Closes the connections and waits until they are gone.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn sql(&self, text: &str) -> AssertSqlSafe<String> {
        self.dialect.sql(text)
    }

    /// Begins a transaction that means to write. On SQLite it takes the write lock at once: one
    /// that reads first and writes later is refused, without waiting, when another has written in
    /// between.
    async fn begin(&self) -> Result<Tx, ShopError> {
        Ok(self.pool.begin_with(self.dialect.begin()).await?)
    }
}

async fn prepare(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), sqlx::Error> {
    for statement in dialect.on_connect() {
        connection.execute(*statement).await?;
    }
    Ok(())
}
