//! Caps on what many runs may use up together in a calendar period, and the arithmetic of sharing
//! one between processes.
//!
//! # Why a worker leases a chunk, and does not ask per call
//!
//! A cap that is asked for at each call is a row that every call of every worker updates. A cap that
//! each worker counts by itself is passed as often as there are workers. So a worker takes a *chunk*
//! of what is left, by one transaction, and spends from it in memory; it asks again when the chunk
//! is used up.
//!
//! # Why a dead worker's chunk counts as spent
//!
//! By construction. What is leased is counted as given out in the transaction that gives it, and only
//! a report of the living session takes the rest back. Nobody has to notice a death, and nothing is
//! done at one: what a worker did not report stays given out.
//!
//! # Reading order
//!
//! [`cap`] (what is limited, for whom, how long), [`period`] (days and months), [`tally`] (the two
//! sides of a lease: the rule that stores apply), [`chunk`] (the process's side), [`burn`] (how fast a
//! cap is used up).

pub mod burn;
pub mod cap;
pub mod chunk;
pub mod period;
pub mod tally;

pub use self::{
    burn::BurnDown,
    cap::{AccountKey, Cap, CapError, CapReached, CapScope, Spender, Whose},
    chunk::Chunk,
    period::Period,
    tally::Tally,
};

#[cfg(test)]
mod tests;
