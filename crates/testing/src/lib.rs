//! Simulated clock, crash-everywhere harness, throwaway Postgres.

pub mod clock;
pub mod postgres;
