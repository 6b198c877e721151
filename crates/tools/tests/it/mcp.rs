//! MCP: the servers that people run, and one that misbehaves.

mod pinning;
mod questions;
mod real;
mod scripted;
mod setup;
mod stdio;
mod web;
