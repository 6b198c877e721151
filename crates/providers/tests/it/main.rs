//! Providers at their outer border: what a caller sees, whichever vendor stands behind it.

mod clock;
mod conformance;
mod refused;
mod scripted;
mod server;
mod structured;
mod vendors;
mod watch;
