//! Simulated clock, crash-everywhere harness, fault schedules, throwaway Postgres.
//!
//! In reading order: [`clock`] stands still until a test moves it; [`world`] is what tools act
//! upon; [`rig`] puts a program up on a store; [`crash`] crashes it everywhere; [`schedule`] lets
//! everything go wrong that a seed draws; [`invariants`] are
//! what must hold afterwards; [`example`] is a program of a package; [`model_server`] is a vendor on this machine; [`canary`] finds secrets
//! that were told on; [`postgres`] is a real
//! server for a moment.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a check looks at a few kinds of entry or operation; the others do not concern it"
)]

pub mod canary;
pub mod clock;
pub mod crash;
pub mod example;
pub mod invariants;
pub mod model_server;
pub mod postgres;
pub mod rig;
pub mod schedule;
pub mod world;
