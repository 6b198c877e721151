//! The tool layer from outside.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that panics fails its test"
)]

mod suite;
