//! Simulated clock, crash-everywhere harness, throwaway Postgres.

pub mod postgres;
