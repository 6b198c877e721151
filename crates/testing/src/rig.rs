//! What a test runs on: the flows, tools and models of a program, a world outside, a person who
//! decides, a clock that stands still, and a store.
//!
//! A [`Setup`] says what runs and a [`Stage`] where. The same setup serves a plain test through
//! [`Rig`] and a proof through [`crash`](crate::crash).

mod ground;
mod outside;
mod person;
mod plain;
mod setup;

pub use ground::Ground;
pub(crate) use ground::Plot;
pub use outside::{Doubt, Nothing, Outside};
pub use person::{Absent, Person};
pub use plain::Rig;
pub(crate) use plain::{listing, next_due};
pub use setup::{Setup, Stage};
