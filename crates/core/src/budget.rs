//! Hard limits on what a run may use up, and the arithmetic that enforces them.
//!
//! # Why a limit is checked before the effect, not after
//!
//! A limit that is noticed afterwards is a report, not a limit: the money is gone. So the worst
//! case of every effect is [reserved](Ledger::reserve) before it starts and
//! [settled](Ledger::settle) when its outcome is known.
//!
//! # Why there is a standing advance
//!
//! A reservation in memory dies with the process while the vendor still sends the bill. A
//! reservation per call in the journal costs a commit per call. The *standing advance* is the way
//! between: an amount set aside by a commit that was needed anyway, from which the calls that follow
//! draw without a commit of their own. After a crash nobody knows what of it was used, so all of it
//! is [charged as unknown](Ledger::charge_unknown), and only then may anything be called again.

mod allotment;
pub mod amount;
pub mod dimension;
pub mod exhausted;
pub mod ledger;
pub mod settlement;
pub mod text;

pub use dimension::{Dimension, Limits, Measure, Spend};
pub use exhausted::{Exhausted, Refusal};
pub use ledger::Ledger;
pub use settlement::{Reservation, Settlement};
pub use text::BudgetTextError;

#[cfg(test)]
mod tests;
