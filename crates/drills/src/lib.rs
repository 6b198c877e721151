//! Drills: real worker processes, killed, frozen and cut off in the middle of real work.
//!
//! In reading order: an [`errand`] is the work, ten steps with a call each; the [`ledger`] is the
//! world outside, which writes down every call that reaches it; a [`place`] is the database; a
//! [`crew`] are the worker processes; the [`person`] answers what is in doubt; the [`checker`]
//! looks for runs that wait for nothing; a [`verdict`] says what was lost and what was repeated. The
//! `drill_` modules hold one drill each; those that measure work on a [`chain`] of steps that do
//! nothing, counted by an [`odometer`], or on a [`clerk`], an agent whose model has a stopwatch.
//!
//! The program is also the worker that it kills: any first word that is no drill goes to the
//! command line of [`errand::app`].

pub mod bomb;
pub mod chain;
pub mod chance;
pub mod checker;
pub mod clerk;
pub mod crew;
pub mod drill_agents;
pub mod drill_bomb;
pub mod drill_decide;
pub mod drill_drive;
pub mod drill_footprint;
pub mod drill_freeze;
pub mod drill_grow;
pub mod drill_kill;
pub mod drill_long;
pub mod drill_parked;
pub mod drill_pinned;
pub mod drill_storm;
pub mod errand;
pub mod feed;
pub mod fill;
pub mod ledger;
pub mod march;
pub mod network;
pub mod odometer;
pub mod orphans;
pub mod person;
pub mod place;
pub mod question;
pub mod server;
pub mod tools;
pub mod verdict;
pub mod vigil;

/// An error of any kind: a drill that cannot go on tells why and ends.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;
