//! Waves and joins.
