//! The engine on real stores, through the macros its users write.

mod rig;
mod runs;
