//! How a tool is reached.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a tool is reached, and through whom. Names are those of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A function of this program.
    #[default]
    Native,
    /// An operation of an HTTP interface that is described in OpenAPI.
    Http(String),
    /// A tool of an MCP server.
    Mcp(String),
    /// A command on this machine, in a sandbox.
    Process(String),
    /// A worker in another process, in any language.
    Worker(String),
    /// The same, but it is no tool: it is the code of a flow's step, which alone calls it.
    Step(String),
}

impl Origin {
    /// Returns whether it is a function of this program.
    #[must_use]
    pub const fn is_native(&self) -> bool {
        matches!(self, Self::Native)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("native"),
            Self::Http(name) => write!(f, "http:{name}"),
            Self::Mcp(name) => write!(f, "mcp:{name}"),
            Self::Process(name) => write!(f, "process:{name}"),
            Self::Worker(name) => write!(f, "worker:{name}"),
            Self::Step(name) => write!(f, "step:{name}"),
        }
    }
}
