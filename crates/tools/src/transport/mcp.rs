//! Tools of MCP servers, over standard input and output or over streamable HTTP.
//!
//! Two generations of the protocol are live: a server is asked for 2026-07-28 first, and one that
//! does not know it is greeted as 2025-11-25 wants it.
//!
//! # What a server is not believed
//!
//! A server's definitions are pinned by hash when they are first seen ([`Pins`]): a tool that is no
//! longer what it was is not called until a person has approved it, and its old description is what
//! models go on seeing. What a server says about effects counts only if the configuration trusts
//! it. What it sends is bounded in every direction: lines, results, lists, notifications, its
//! standard error.
//!
//! # What only a person can answer
//!
//! A call that asks ends, with its questions and with what is needed to go on
//! ([`InputWanted`](mainstay_core::tool::InputWanted)); another attempt carries the answers. So
//! nothing is held while a person thinks.
//!
//! # Whether a call may have acted
//!
//! A call that never left is *unavailable*. One that was written and got no answer may have acted:
//! a dead server, a lost connection, an HTTP 5xx leave that unknown, and nothing here sends
//! anything twice.

mod augmented;
mod calling;
mod complaints;
mod definition;
mod door;
mod failure;
mod input;
mod listing;
mod message;
mod older;
mod pins;
mod server;
mod session;
mod settings;
mod stdio;
mod task;
mod ticket;
mod tool;
mod value;
mod web;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use mainstay_core::{
    code::Code,
    port::Clock,
    secret::Secrets,
    tool::{Tool, input::InputQuestion},
};
use serde_json::Value;

use crate::http::HttpClient;

pub use self::{
    definition::Definition,
    door::{Door, DoorError, Method, Reply, Request},
    listing::{Change, LeftOut},
    pins::{Pin, Pins, PinsError},
    server::Server,
    settings::{Given, Overrides, Reach, Settings, Trust},
};

/// What servers are reached with and held to; shared by all of a program.
#[derive(Clone)]
pub struct Surroundings {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where the values of secrets are.
    pub secrets: Arc<dyn Secrets>,
    /// The definitions that were approved.
    pub pins: Arc<Pins>,
    /// The way out over HTTP.
    pub door: Arc<dyn Door>,
    /// Who answers at once what servers of the older generation ask in the middle of a call. Without
    /// anybody they are told that they cannot ask; those of the newer generation can.
    pub person: Option<Arc<dyn Person>>,
}

impl Surroundings {
    /// Puts them together with the one way out over HTTP, and nobody who answers servers.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, secrets: Arc<dyn Secrets>, pins: Pins) -> Self {
        let door = Arc::new(HttpClient::new(Arc::clone(&secrets)));
        Self { clock, secrets, pins: Arc::new(pins), door, person: None }
    }
}

/// Somebody who answers while a call goes on. Never a model.
#[async_trait]
pub trait Person: Send + Sync {
    /// Returns the answer, which fits the schema, or `None` if there is none.
    async fn answer(&self, server: &str, question: &InputQuestion) -> Option<Value>;
}

/// A server's tools as they can be offered.
pub struct Opened {
    /// The server.
    pub server: Arc<Server>,
    /// Its tools, those included that are blocked or cannot be reached now.
    pub tools: Vec<Arc<dyn Tool>>,
    /// What was not taken in, and why.
    pub left_out: Vec<LeftOut>,
    /// What changed since it was pinned; these tools are blocked.
    pub changes: Vec<Change>,
    /// Why it cannot be reached now, if it cannot.
    pub unreachable: Option<String>,
}

/// Why a server's tools cannot be offered at all.
#[derive(Debug)]
pub enum McpError {
    /// It cannot be reached, and nobody has seen its tools yet.
    Unseen {
        /// The server.
        server: String,
        /// Why it cannot be reached.
        because: String,
    },
    /// The pinned definitions cannot be read or written.
    Pins(PinsError),
}

impl McpError {
    /// Returns the code of the error a person sees.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unseen { .. } => Code::McpUnseen,
            Self::Pins(_) => Code::McpPins,
        }
    }
}

impl fmt::Display for McpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unseen { server, because } => write!(
                f,
                "the MCP server `{server}` cannot be reached, and its tools were never seen: {because}"
            ),
            Self::Pins(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for McpError {}

impl From<PinsError> for McpError {
    fn from(error: PinsError) -> Self {
        Self::Pins(error)
    }
}

#[cfg(test)]
mod tests;
