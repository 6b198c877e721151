//! The one narrow port to a store: a closed list of operations, each a value with a reply.
//!
//! # Why operations are values
//!
//! One method carries them all, so a harness can wrap a store once and stand before, after and
//! behind the answer of every operation; a pure model can be told the same list; and a random
//! sequence of them is data. The typed methods on [`dyn Store`](Store) are made from the same
//! table.

pub mod allowance;
mod append;
pub mod local;
pub mod operation;
pub mod row;
pub mod schema;
pub mod week;

use std::fmt;

use async_trait::async_trait;

use crate::{
    code::Code,
    id::RunId,
    store::operation::{Operation, Reply},
};

/// What a store answers when it cannot do an operation. Nothing of the operation happened unless
/// the variant says that it is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// No connection; it is unknown whether the operation happened.
    Unreachable(String),
    /// The SQLite file is held by another process.
    Locked(String),
    /// The schema's version is not this program's.
    Schema {
        /// The version found; 0 for none.
        found: i64,
        /// The version this program needs.
        wanted: i64,
    },
    /// Stored bytes do not read back.
    Corrupt(String),
    /// The store refuses the values of one run's part of the operation.
    Poison {
        /// The run.
        run_id: Option<RunId>,
        /// What the store said.
        message: String,
    },
    /// A status change that the state machine does not have.
    Illegal(String),
    /// A reply of another operation: a defect.
    Reply(&'static str),
}

impl StoreError {
    /// Returns the code with its page.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unreachable(_) => Code::StoreUnreachable,
            Self::Locked(_) => Code::StoreLocked,
            Self::Schema { .. } => Code::SchemaMismatch,
            Self::Corrupt(_) => Code::StoreCorrupt,
            Self::Poison { .. } => Code::PoisonPayload,
            Self::Illegal(_) => Code::IllegalTransition,
            Self::Reply(_) => Code::Bug,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the store cannot be reached: {why}"),
            Self::Locked(why) => write!(f, "the SQLite file is locked: {why}"),
            Self::Schema { found, wanted } => {
                write!(f, "the store's schema has version {found}, this program needs {wanted}")
            }
            Self::Corrupt(what) => write!(f, "stored data does not read back: {what}"),
            Self::Poison { message, .. } => write!(f, "the store refuses these bytes: {message}"),
            Self::Illegal(what) => write!(f, "illegal transition: {what}"),
            Self::Reply(wanted) => write!(f, "a store answered something else than `{wanted}`"),
        }
    }
}

impl std::error::Error for StoreError {}

/// Where runs live. Implementations: the pure model, SQLite, Postgres.
#[async_trait]
pub trait Store: Send + Sync {
    /// Carries out one operation, in one transaction unless its documentation says otherwise.
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError>;

    /// Returns when a run may have become ready. It only saves time: hints may be lost, may come
    /// for nothing, and a store that cannot tell never returns, so whoever waits for work also
    /// looks by itself.
    async fn hinted(&self) {
        std::future::pending::<()>().await;
    }
}
