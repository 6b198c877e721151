//! The shop's tables.
//!
//! `refunds`, `messages` and `accounts` have a unique key; `exchanges` and `pickups` have none on
//! purpose (see the table of effect classes above).

use sqlx::Executor as _;

use super::{ShopError, Tx, dialect::Dialect};

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS shop.filled (only_row BIGINT PRIMARY KEY, seed TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop.products (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, family TEXT NOT NULL, about TEXT NOT NULL,
        price BIGINT NOT NULL, stock BIGINT NOT NULL CHECK (stock >= 0),
        takes_back TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop.customers (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE,
        city TEXT NOT NULL, since TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop.orders (
        id TEXT PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL, placed TEXT NOT NULL,
        shipped TEXT, delivered TEXT, due TEXT NOT NULL, tracking TEXT,
        discount_percent BIGINT NOT NULL, shipping BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS orders_of_customer ON shop.orders (customer)",
    "CREATE TABLE IF NOT EXISTS shop.items (
        id TEXT PRIMARY KEY, order_id TEXT NOT NULL, line BIGINT NOT NULL, product TEXT NOT NULL,
        quantity BIGINT NOT NULL, price BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS items_of_order ON shop.items (order_id)",
    "CREATE TABLE IF NOT EXISTS shop.payments (
        id TEXT PRIMARY KEY, order_id TEXT NOT NULL UNIQUE, method TEXT NOT NULL,
        paid BIGINT NOT NULL, refunded BIGINT NOT NULL,
        CHECK (refunded >= 0 AND refunded <= paid))",
    "CREATE TABLE IF NOT EXISTS shop.refunds (
        key TEXT PRIMARY KEY, payment TEXT NOT NULL, cents BIGINT NOT NULL, at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop.exchanges (
        id {serial}, reference TEXT NOT NULL, item TEXT NOT NULL, product TEXT NOT NULL,
        at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop.pickups (
        id {serial}, order_id TEXT NOT NULL, day TEXT NOT NULL, at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop.ledger (
        id {serial}, payment TEXT NOT NULL, reason TEXT NOT NULL, cents BIGINT NOT NULL,
        at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop.messages (
        key TEXT PRIMARY KEY, ticket TEXT NOT NULL, recipient TEXT NOT NULL,
        subject TEXT NOT NULL, body TEXT NOT NULL, at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop.accounts (
        key TEXT PRIMARY KEY, customer TEXT NOT NULL, email TEXT NOT NULL, at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop.loyalty (customer TEXT PRIMARY KEY, at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS shop.actions (
        action TEXT NOT NULL, subject TEXT NOT NULL, arrivals BIGINT NOT NULL,
        performed BIGINT NOT NULL, first_at BIGINT NOT NULL, last_at BIGINT NOT NULL,
        PRIMARY KEY (action, subject))",
];

pub(super) async fn create(dialect: Dialect, tx: &mut Tx) -> Result<(), ShopError> {
    if dialect == Dialect::Postgres {
        // `IF NOT EXISTS` does not wait for another session that is making the same table.
        tx.execute("SELECT pg_advisory_xact_lock(hashtext('shop'))").await?;
        tx.execute("CREATE SCHEMA IF NOT EXISTS shop").await?;
    }
    for table in TABLES {
        tx.execute(dialect.sql(table)).await?;
    }
    Ok(())
}
