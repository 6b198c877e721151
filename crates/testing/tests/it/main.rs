//! The harness on a flow that has everything: proofs, planted faults, determinism.

mod everywhere;
mod sale;
