//! The governed tool layer: what tools a worker has, and what no call of them gets around.
//!
//! A [`ToolSet`] lists tools; opening it with what they work on gives the [`Registry`], the
//! catalogue that the engine asks. Whatever the catalogue hands out is guarded: arguments and
//! results are checked, deadlines kept and panics caught here, whoever calls and however the tool
//! is reached. Grants, retries, rate limits and breakers belong to the caller; their rules are in
//! `core::tool`.

pub mod gate;
pub mod http;
pub mod native;
pub mod policy;
pub mod registry;
pub mod schema;
pub mod secret;
pub mod transport;

#[cfg(test)]
mod testing;

pub use native::{Native, NativeTool, context::ToolContext, resources::Resources};
pub use registry::{Registry, RegistryError, ToolSet};
pub use schema::JsonSchemaCheck;
