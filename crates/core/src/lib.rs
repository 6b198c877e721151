//! Words, pure rules and ports: the part of Mainstay without a clock, a socket or a database.
//!
//! Modules in reading order: what things are called, what may happen to them, and what the outside
//! must offer.

pub mod allowance;
pub mod approval;
pub mod breaker;
pub mod budget;
pub mod chain;
pub mod code;
pub mod digest;
pub mod effect;
pub mod effects;
pub mod endorse;
pub mod failure;
pub mod flow;
pub mod fold;
pub mod guardrail;
pub mod id;
pub mod inbox;
pub mod journal;
pub mod label;
pub mod link;
pub mod model;
pub mod payload;
pub mod plan;
pub mod policy;
pub mod port;
pub mod provenance;
pub mod rehome;
pub mod remote;
pub mod retry;
pub mod review;
pub mod run;
pub mod schema;
pub mod secret;
pub mod store;
pub mod time;
pub mod tool;
pub mod visible;
pub mod wait;
pub mod week;
