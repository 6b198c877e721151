//! Transports: how tools that are not functions of this program are reached. One case, one file.

pub mod mcp;
pub mod openapi;
pub mod process;
pub mod worker;
