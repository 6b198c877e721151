//! Providers at their outer border: what a caller sees, whichever vendor stands behind it.
#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that goes another way fails, and says where"
)]

mod cassette;
mod clock;
mod conformance;
mod refused;
mod scripted;
mod server;
mod structured;
mod vendors;
mod watch;
