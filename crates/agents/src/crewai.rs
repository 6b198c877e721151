//! CrewAI's `agents.yaml` and `tasks.yaml`, read as they are.
//!
//! Nothing in them is ignored silently: each field that does not mean here what it means there is
//! in the [`Report`], with its place. Unknown and unsupported fields refuse the crew; the
//! unsupported ones can be [accepted](Reading::accept) by name.

mod agents;
mod assemble;
mod entry;
pub mod fields;
mod fill;
mod model;
mod node;
mod project;
pub mod report;
mod settings;
mod tasks;
#[cfg(test)]
pub(crate) mod tests;

pub use project::{Project, Reading};
pub use report::{AgentLine, Place, Remark, Report, Says, TaskLine};
