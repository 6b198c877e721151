//! A program that is not the one a run began with: moved, patched, or missing.

mod migrations;
mod nobody;
mod patches;
