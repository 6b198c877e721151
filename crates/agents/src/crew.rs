//! Crews: agents with tasks, worked off in an order that code decides.

pub mod condition;
pub mod definition;
pub mod fault;
pub mod order;

pub use condition::{Condition, OutputTest};
pub use definition::{
    Context, Crew, Format, Guardrail, Member, OnToolFailure, Pace, Process, Review, Task, Voice,
};
pub use fault::{Fault, Subject};
