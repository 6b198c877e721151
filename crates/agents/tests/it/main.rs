//! Plans against real schemas.

mod plan;
