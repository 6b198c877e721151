//! The engine on real stores, through the macros its users write.

#![cfg(test)]

mod local;
mod models;
mod peer_defects;
mod rig;
mod runs;
mod steps;
mod tap;
mod tools;
mod waits;
