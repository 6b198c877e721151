//! Crews: agents with tasks, worked off in an order that code decides.
//!
//! A crew works in a scope of its own, each of its tasks in one inside it, and whoever a task is
//! delegated to in one inside that: grants and limits only narrow on the way. What it is stands in
//! the journal when it begins, and it goes on so.

pub mod condition;
mod coworkers;
pub mod definition;
pub mod fault;
mod judge;
pub mod order;
pub mod output;
mod perform;
pub mod rules;
mod tally;
mod untold;
mod work;

pub use condition::{Condition, OutputTest};
pub use coworkers::{ASK, DELEGATE};
pub use definition::{
    Context, Crew, Demand, Format, Member, OnToolFailure, Pace, Process, Review, Task, Voice,
};
pub use fault::{Fault, Subject};
pub use output::{CrewOutput, Delegation, TaskOutput, TaskStatus};
pub use rules::{Check, Rules, When};
pub use work::work_for_each;

#[cfg(test)]
mod tests;
