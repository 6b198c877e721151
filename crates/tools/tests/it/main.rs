//! The tool layer from outside.

mod suite;
