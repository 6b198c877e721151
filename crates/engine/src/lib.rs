//! Drives runs: claim, lease, one run's steps, the single effect pipeline, background loops.

pub mod context;
pub mod program;
