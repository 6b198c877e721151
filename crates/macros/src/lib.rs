//! The flow, Route and tool macros.
