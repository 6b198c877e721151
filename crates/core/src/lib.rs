//! Words, pure rules and ports: the part of Mainstay without a clock, a socket or a database.
//!
//! Modules in reading order: what things are called, what may happen to them, and what the outside
//! must offer.

pub mod breaker;
pub mod budget;
pub mod code;
pub mod digest;
pub mod failure;
pub mod id;
pub mod label;
pub mod model;
pub mod port;
pub mod retry;
pub mod schema;
pub mod time;
