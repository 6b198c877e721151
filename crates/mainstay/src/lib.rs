//! Facade: App, command line, configuration, prelude.

// The flows of the facade itself are written as everybody's are.
extern crate self as mainstay;

mod app;
mod ask;
mod bench;
pub mod budget;
mod call;
mod cli;
mod config;
mod crew_flow;
mod database;
pub mod demo;
mod intelligence;
mod job;
mod models;
mod one_step;
pub mod prelude;
mod remote;
mod toolbox;

#[doc(hidden)]
pub mod __private;

pub use app::{App, Surroundings};
pub use bench::chain::Chain;
pub use crew_flow::CrewFlow;
pub use database::DatabaseUrl;
pub use intelligence::Intelligence;
pub use mainstay_agents as agents;
pub use mainstay_agents::crewai::Reading;
pub use mainstay_core::{budget::Limits, code::Code, run::RunStatus, wait::Wait};
pub use mainstay_engine::{
    commands::StartRun,
    program::{Flow, Route},
};
pub use mainstay_providers::scripted;
pub use mainstay_tools::{Resources, ToolSet};
