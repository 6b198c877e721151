//! The harness on a flow that has everything: proofs, planted faults, determinism.

mod determinism;
mod everywhere;
mod planted;
mod sale;
