//! What the shop answers when it cannot or will not.

use std::fmt;

use crate::cents::Cents;

use super::record::OrderStatus;

/// Why an operation of the shop gave no result.
#[derive(Debug)]
pub enum ShopError {
    /// Neither a Postgres nor a SQLite URL.
    Url(String),
    /// The tables hold the shop of another seed.
    FilledOtherwise {
        /// The seed asked for.
        wanted: u64,
        /// What the tables say.
        found: String,
    },
    /// The database did not answer, or not as it should; trying again may help.
    Database(sqlx::Error),
    /// A row holds a word this program does not know.
    Unreadable {
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// There is no such thing.
    Missing {
        /// What was looked for, such as `order`.
        what: &'static str,
        /// Its number.
        id: String,
    },
    /// The shop says no, and will say no again.
    Refused(Refusal),
}

/// A no that does not change by asking again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// More than is left of the payment.
    MoreThanPaid {
        /// What was asked for.
        wanted: Cents,
        /// What is left.
        left: Cents,
    },
    /// The key was used for something else.
    KeyReused(String),
    /// The order is past the point where this can be done.
    Status(OrderStatus),
    /// No piece left.
    OutOfStock(String),
    /// The address already has an account.
    AddressTaken(String),
    /// The loyalty programme does not take this address.
    LoyaltyClosed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MoreThanPaid { wanted, left } => {
                write!(f, "a refund of {wanted} is more than the {left} left of the payment")
            }
            Self::KeyReused(key) => write!(f, "the key `{key}` was used for something else"),
            Self::Status(status) => write!(f, "the order is already {}", status.word()),
            Self::OutOfStock(product) => write!(f, "no piece of {product} is left"),
            Self::AddressTaken(email) => write!(f, "`{email}` already has an account"),
            Self::LoyaltyClosed(email) => {
                write!(f, "the loyalty programme does not take `{email}`")
            }
        }
    }
}

impl fmt::Display for ShopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "`{url}` is neither a Postgres nor a SQLite address"),
            Self::FilledOtherwise { wanted, found } => {
                write!(f, "the tables hold the shop of seed {found}, not of {wanted}")
            }
            Self::Database(_) => f.write_str("the shop's database did not answer"),
            Self::Unreadable { column, value } => {
                write!(f, "`{value}` in column `{column}` cannot be read")
            }
            Self::Missing { what, id } => write!(f, "there is no {what} `{id}`"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for ShopError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database(error) => Some(error),
            Self::Url(_)
            | Self::FilledOtherwise { .. }
            | Self::Unreadable { .. }
            | Self::Missing { .. }
            | Self::Refused(_) => None,
        }
    }
}

impl From<sqlx::Error> for ShopError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Refusal> for ShopError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
