//! The command line, from outside: the example program in processes of its own.

#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a helper that panics fails its test"
)]

mod file;
mod program;

mod ask;
mod bad_input;
mod canary;
mod cassettes;
mod cedar;
mod crews;
mod doctor;
mod http_tools;
mod input;
mod jobs;
mod mcp;
mod models;
mod reviews;
mod runs;
mod signals;
mod steps;
mod store;
mod stores;
mod tools;
mod upgrades;
mod usage;
mod weeks;
