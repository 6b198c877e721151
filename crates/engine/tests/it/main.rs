//! The engine on real stores, through the macros its users write.

#![cfg(test)]
#![expect(
    dropping_references,
    clippy::wildcard_enum_match_arm,
    clippy::string_slice,
    reason = "tests build programs in one line, and look at one kind of entry at a time"
)]

mod agents;
mod approvals;
mod budgets;
mod cancels;
mod caps;
mod chains;
mod commits;
mod doubts;
mod forks;
mod governed;
mod local;
mod long_runs;
mod minds;
mod models;
mod outage;
mod peer_defects;
mod places;
mod questions;
mod reconcile;
mod recovery;
mod rig;
mod runs;
mod sagas;
mod scopes;
mod served;
mod skew;
mod steps;
mod takeovers;
mod tap;
mod tools;
mod versions;
mod waits;
mod weeks;
