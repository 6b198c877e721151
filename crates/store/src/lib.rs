//! All SQL: Postgres, SQLite and the pure model of the protocol behind one narrow port.
//!
//! In reading order: [`model`] says what every operation means, without IO; [`conformance`] asks
//! any store whether it agrees; [`sqlite`] and [`postgres`] are two that do. What both databases
//! share stands beside them: what is refused before a table is touched (`sound`), how rows
//! are written as bytes (`wire`), how payloads are kept (`payload`), whose clock counts (`clock`),
//! which operations make a run ready (`hint`).
//! [`reference`] measures what the database does without any of it.

pub mod conformance;
pub mod model;
pub mod postgres;
pub mod reference;
pub mod sqlite;

pub(crate) mod clock;
pub(crate) mod hint;
pub(crate) mod payload;
pub(crate) mod sound;
pub(crate) mod wire;
