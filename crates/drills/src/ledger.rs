//! The world outside: a server that does what it is asked and writes every call down.
//!
//! It lives in the process that drives the drill, so nothing that happens to workers or databases
//! happens to it. A keyed call is done once a key; any other is done as often as it comes, which is
//! what makes repeats visible. A call that comes after its deadline is refused: that is what a tool
//! promises that passes its deadline on.

mod book;
mod line;
mod server;

use serde::{Deserialize, Serialize};

pub use book::{Arrival, Book, Fate};
pub use line::{Line, Memory};
pub use server::Ledger;

/// What is asked of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Read something.
    LookUp,
    /// Act, once a key.
    Keyed,
    /// Act.
    Act,
    /// Say whether a key has acted.
    Find,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is asked.
    pub word: Word,
    /// The call's idempotency key.
    pub key: String,
    /// Whose step it is for.
    pub errand: u32,
    /// Which step.
    pub step: u32,
    /// The process that asks.
    pub worker: u32,
    /// Not to be done after this, in microseconds of the epoch.
    pub deadline: i64,
}

/// What the caller learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done, or had been; this line says so.
    Done {
        /// The line of the ledger.
        line: u64,
    },
    /// No such key has acted.
    Absent,
    /// It came after its deadline, and was not done.
    TooLate,
    /// It never reached the ledger.
    Unreached,
    /// It was sent, and no answer came.
    Unheard,
}
