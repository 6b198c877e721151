//! Rate limits and circuit breakers of this process, one per tool or model.

/// Rate limits and circuit breakers by name.
#[derive(Debug, Default)]
pub struct Gates {}
