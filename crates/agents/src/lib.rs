//! Bounded intelligence: what thinks at a step, inside limits that code enforces.
//!
//! Nothing in here can reach the engine. Whatever an agent, a crew or a job does to the outside it
//! asks of [`Effects`](mainstay_core::effects::Effects): so each turn and each tool call is an
//! effect with a place, a grant, a reservation and a row, and a repeat of the step goes on with the
//! next one.
//!
//! Modules in reading order.

pub mod agent;
pub mod answer;
pub mod crew;
pub mod crewai;
pub mod intent;
pub mod job;
pub mod loops;
pub mod mark;
pub mod memory;
pub mod prompt;

#[cfg(test)]
mod testing;
