//! Simulated clock, crash-everywhere harness, throwaway Postgres.
