//! The one door from a step to the outside.

/// What a step holds while it runs: every touch of the outside goes through it.
#[derive(Debug, Clone)]
pub struct StepContext {}
