//! A cassette: what models answered in a run, replayed without any of them.
//!
//! A request is found by the digest of what it asks, whoever is asked, so a cassette serves every
//! tier. The same request asked again gets the next answer that was recorded for it, and when there
//! is none left the last one. Which attempt at one call it is does not count: a call that failed
//! when it was recorded fails again, as often as it is tried. `docs/models.md` shows the form.

mod error;
mod exchange;
mod nearest;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use mainstay_core::{
    digest::Digest,
    model::{
        CallContext, ModelFailure, ModelId, ModelReply, ModelRequest, Price, Provider, StreamSink,
    },
};

pub use error::CassetteError;
pub use exchange::{Answer, Asked, Exchange, Recording};

use crate::{delivery, tokens};

/// Serves one recording as the model `cassette:NAME`.
#[derive(Debug)]
pub struct Cassette {
    name: String,
    exchanges: Vec<Exchange>,
    /// The keys of the calls that asked each request, in the order in which they first came.
    heard: Mutex<BTreeMap<Digest, Vec<String>>>,
}

impl Cassette {
    /// The name that stands before the colon.
    pub const NAME: &'static str = "cassette";

    /// Makes the model `cassette:NAME` of a recording.
    #[must_use]
    pub fn new(name: impl Into<String>, recording: Recording) -> Self {
        Self { name: name.into(), exchanges: recording.exchanges, heard: Mutex::default() }
    }

    /// Reads the cassette in a file, which is its name.
    ///
    /// # Errors
    /// The file cannot be read, or is no cassette: see [`CassetteError`].
    pub fn load(path: &Path) -> Result<Self, CassetteError> {
        let file = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self::new(file.clone(), Recording::parse(&file, &text)?)),
            Err(error) => Err(CassetteError { file, problem: error.to_string() }),
        }
    }

    /// Returns the answer to the call with this key: the one it got before, or else the next that
    /// no other call got, or else the last.
    fn answer(&self, asked: Digest, key: &str) -> Option<&Exchange> {
        let mut recorded = self.recorded(asked).peekable();
        recorded.peek()?;
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = heard.entry(asked).or_default();
        let turn = keys.iter().position(|known| known == key).unwrap_or_else(|| {
            keys.push(key.to_owned());
            keys.len() - 1
        });
        let last = self.recorded(asked).last();
        recorded.nth(turn).or(last)
    }

    fn recorded(&self, asked: Digest) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(move |exchange| exchange.request == asked)
    }

    fn not_recorded(&self, request: &ModelRequest) -> ModelFailure {
        let asked = Asked::of(request);
        let closest = nearest::describe(&self.exchanges, &asked);
        let message = format!("{} holds no answer to {asked}; {closest}", self.name);
        ModelFailure::NotRecorded { message }
    }
}

#[async_trait]
impl Provider for Cassette {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn serves(&self, model: &ModelId) -> bool {
        model.provider() == Self::NAME && model.name() == self.name
    }

    fn count_input(&self, _: &ModelId, request: &ModelRequest) -> u64 {
        let counts = self.recorded(request.question_digest()).filter_map(Exchange::input_tokens);
        counts.max().unwrap_or(0).max(tokens::rough(request))
    }

    /// Nobody is asked, so nobody is paid.
    fn price(&self, _: &ModelId) -> Option<Price> {
        Some(Price::FREE)
    }

    async fn call(
        &self,
        _: &ModelId,
        request: &ModelRequest,
        context: &CallContext,
        sink: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure> {
        let exchange = self
            .answer(request.question_digest(), &context.idempotency_key)
            .ok_or_else(|| self.not_recorded(request))?;
        match &exchange.answer {
            Answer::Reply(reply) => {
                delivery::stream(reply, sink);
                Ok(reply.as_ref().clone())
            }
            Answer::Failure(failure) => Err(ModelFailure::Recorded { failure: failure.clone() }),
        }
    }
}
