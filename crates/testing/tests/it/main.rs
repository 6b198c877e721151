//! The harness on a flow that has everything: proofs, planted faults, determinism.

#![cfg(test)]

mod agents;
mod controls;
mod crews;
mod determinism;
mod everywhere;
mod jobs;
mod planted;
mod questions;
mod sale;
mod schedules;
mod shapes;
