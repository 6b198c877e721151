//! Drives runs: claim, lease, one run's steps, the single effect pipeline, background loops.

pub mod cache;
pub mod commands;
mod commit;
pub mod context;
mod drive;
pub mod error;
pub mod export;
pub mod flows;
pub mod fork;
pub mod gate;
pub mod journal;
pub mod lease;
pub mod live;
mod patient;
mod places;
pub mod program;
mod purse;
mod rehome;
pub mod runtime;
pub mod system;
pub mod worker;
