//! Language models as values: what is asked, what comes back, what it costs, how it fails; and
//! the port that vendors stand behind.
//!
//! Requests, replies and failures are journaled, so their JSON is a format: names are snake case,
//! a field is added with a default and never changes its meaning.

mod cache;
mod candidates;
mod catalog;
mod failure;
mod message;
mod name;
mod price;
mod provider;
mod question;
mod repair;
mod reply;
mod request;

pub use cache::{CacheKey, CachePolicy, ResponseCache};
pub use candidates::{Candidate, Candidates, ModelChain, Onward};
pub use catalog::{ModelCatalog, Traffic};
pub use failure::ModelFailure;
pub use message::{Message, Part, Role, ToolCall, ToolResult};
pub use name::{ModelId, ModelName, NotAModel, Tier};
pub use price::{Cost, Price, PriceTable};
pub use provider::{CallContext, Provider, Silent, StreamSink};
pub use repair::{DEFAULT_REPAIRS, check, complaint, repair_request};
pub use reply::{FinishReason, ModelReply, StreamEvent, Usage, UsageSource};
pub use request::{ModelRequest, OutputSchema, PromptRef, Temperature, ToolChoice, ToolOffer};
