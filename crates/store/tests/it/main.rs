//! The stores at their outer border: conformance, faults, files.

#![cfg(test)]

mod differential;
mod faults;
mod folder;
mod killed;
mod local;
mod model;
mod postgres;
mod sqlite;
