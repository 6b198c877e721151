//! What differs between vendors: how a request is written, and how the events are read.

use mainstay_core::model::{ModelFailure, ModelId, ModelRequest};
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{assembly::Assembly, endpoint::Endpoint, frames::Framing, sse::Event};

/// One HTTP request, ready to be sent.
pub(super) struct Outgoing {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// The language that a vendor speaks.
pub(super) trait Dialect: Send + Sync {
    /// Writes a request.
    fn request(&self, endpoint: &Endpoint, model: &ModelId, request: &ModelRequest) -> Outgoing;

    /// Returns what `request` wants that cannot be said in this language and whose absence would
    /// change the answer.
    fn unsupported(&self, request: &ModelRequest) -> Option<&'static str> {
        let _ = request;
        None
    }

    /// Returns the form of an answer.
    fn framing(&self) -> Framing {
        Framing::Events
    }

    /// Returns a reader for one answer.
    fn reader(&self) -> Box<dyn Reader>;
}

/// Whether more events are awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// There may be more.
    More,
    /// The vendor said that this was all.
    Done,
}

/// Reads the events of one answer.
pub(super) trait Reader: Send {
    /// Adds one event to the assembly.
    fn read(&mut self, event: &Event, assembly: &mut Assembly<'_>) -> Result<Flow, ModelFailure>;
}

/// Returns headers with the key in one of them, marked so that no log shows it. A key that no
/// header can hold is left out: the vendor will say that it is missing.
pub(super) fn key_header(endpoint: &Endpoint, name: &'static str, prefix: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(key) = &endpoint.key else { return headers };
    if let Ok(mut value) = HeaderValue::from_str(&format!("{prefix}{}", key.reveal())) {
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    headers
}

/// Reads an event's data as JSON.
pub(super) fn parse<T: DeserializeOwned>(data: &str) -> Result<T, ModelFailure> {
    serde_json::from_str(data).map_err(|error| {
        let shown: String = data.chars().take(80).collect();
        ModelFailure::Malformed { message: format!("{error} in the piece: {shown}") }
    })
}

/// A finish reason that this program does not know is not taken for a good one.
pub(super) fn unknown_finish(reason: &str) -> ModelFailure {
    ModelFailure::Malformed { message: format!("unknown finish reason `{reason}`") }
}
