//! Drills short enough for every build; the long ones run by command.

#![cfg(test)]

mod bomb;
mod checker;
mod hints;
mod kill;
mod measures;
mod storm;
mod wake;

/// The program that is put through them.
const PROGRAM: &str = env!("CARGO_BIN_EXE_mainstay-drills");
