//! Drives runs: claim, lease, one run's steps, the single effect pipeline, background loops.

pub mod commands;
pub mod context;
pub mod error;
pub mod flows;
pub mod gate;
pub mod journal;
pub mod live;
pub mod program;
pub mod runtime;
