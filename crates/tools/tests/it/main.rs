//! The tool layer from outside: on real transports, against real servers.

#![cfg(test)]

mod mcp;
mod packages;
mod place;
mod suite;
