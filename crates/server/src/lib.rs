//! The HTTP interface: so far, what workers in other processes and languages speak.
//!
//! It carries messages and knows nothing of what they lead to: whoever composes a program gives it
//! the port behind them. It bounds what a stranger can make it hold: sizes, times, connections and
//! polls have limits, and everything refused is a [`Problem`] with a code.

mod body;
pub mod listen;
pub mod problem;
pub mod work;

pub use problem::Problem;
