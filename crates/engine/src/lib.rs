//! Drives runs: claim, lease, one run's steps, the single effect pipeline, background loops.
