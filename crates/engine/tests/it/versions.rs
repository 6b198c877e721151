//! A program that is not the one a run began with: moved, patched, or missing.

mod back;
mod migrations;
mod nobody;
mod patches;
