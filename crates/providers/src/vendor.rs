//! Vendors over HTTP: one request out, a stream of events back, one reply.
//!
//! # What counts as an answer
//!
//! Only a stream with its finish marker. A piece that cannot be read is a failure and not skipped:
//! nobody knows what stood in it. A tool call whose arguments are not JSON is part of a whole
//! answer and says so itself, with what the model wrote: it is for the caller to tell the model.
//! Why there is a client of our own here is told in `docs/decisions/models-own-client.md`.

mod anthropic;
mod assembly;
mod dialect;
mod endpoint;
mod frames;
mod gemini;
mod hidden;
mod ollama;
mod openai;
mod refusal;
mod responses;
mod sse;

use std::time::Duration;

use async_trait::async_trait;
use mainstay_core::model::{
    CallContext, ModelFailure, ModelId, ModelReply, ModelRequest, Price, Provider, StreamSink,
    Usage,
};
use mainstay_core::secret::Scrub;
use reqwest::{Client, Response, header};

use crate::tokens;
use assembly::Assembly;
use dialect::{Dialect, Flow};
pub use endpoint::{Endpoint, EndpointError, Key};
use frames::Framing;
use hidden::Hiding;
use sse::Event;

/// How long a vendor that has said everything is given to close the answer.
const PARTING: Duration = Duration::from_millis(50);

/// A vendor whose models are asked over HTTP.
pub struct Vendor {
    name: &'static str,
    dialect: Box<dyn Dialect>,
    endpoint: Endpoint,
    client: Client,
    price: Option<Price>,
    scrub: Scrub,
}

impl Vendor {
    /// Makes the vendor `openai`: OpenAI, or any server that speaks its chat completions.
    ///
    /// # Errors
    /// The endpoint cannot be used.
    pub fn openai(endpoint: Endpoint) -> Result<Self, EndpointError> {
        Self::new("openai", Box::new(openai::OpenAi::at(&endpoint)), endpoint)
    }

    /// Makes the vendor `openai-responses`: OpenAI again, or any server that speaks its responses.
    ///
    /// # Errors
    /// The endpoint cannot be used.
    pub fn openai_responses(endpoint: Endpoint) -> Result<Self, EndpointError> {
        Self::new("openai-responses", Box::new(responses::Responses), endpoint)
    }

    /// Makes the vendor `anthropic`.
    ///
    /// # Errors
    /// The endpoint cannot be used.
    pub fn anthropic(endpoint: Endpoint) -> Result<Self, EndpointError> {
        Self::new("anthropic", Box::new(anthropic::Anthropic), endpoint)
    }

    /// Makes the vendor `gemini`.
    ///
    /// # Errors
    /// The endpoint cannot be used.
    pub fn gemini(endpoint: Endpoint) -> Result<Self, EndpointError> {
        Self::new("gemini", Box::new(gemini::Gemini), endpoint)
    }

    /// Makes the vendor `ollama`, which speaks its own language and costs nothing. Its other door,
    /// which speaks as OpenAI does, is the vendor `openai` at that address.
    ///
    /// # Errors
    /// The endpoint cannot be used.
    pub fn ollama(endpoint: Endpoint) -> Result<Self, EndpointError> {
        let ollama = Self::new("ollama", Box::new(ollama::Ollama), endpoint)?;
        Ok(ollama.with_price(Price::FREE))
    }

    fn new(
        name: &'static str,
        dialect: Box<dyn Dialect>,
        endpoint: Endpoint,
    ) -> Result<Self, EndpointError> {
        let client = endpoint.client()?;
        let scrub = endpoint.key.as_ref().map(Key::scrub).unwrap_or_default();
        Ok(Self { name, dialect, endpoint, client, price: None, scrub })
    }

    /// Declares one price for every model of this vendor, for example nothing for one's own server.
    #[must_use]
    pub fn with_price(mut self, price: Price) -> Self {
        self.price = Some(price);
        self
    }

    async fn exchange(
        &self,
        model: &ModelId,
        request: &ModelRequest,
        context: &CallContext,
        sink: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure> {
        let mut response = self.open(model, request, context).await?;
        let mut assembly = Assembly::new(sink);
        let mut reader = self.dialect.reader();
        let mut frames = self.dialect.framing().frames();
        // A connection that breaks ends the stream; whether the answer was whole by then is for the
        // assembly to say.
        while let Ok(Some(bytes)) = self.patiently(context, response.chunk()).await? {
            for event in frames.push(&bytes)? {
                let event = Event { data: self.scrub.json(&event.data), ..event };
                if reader.read(&event, &mut assembly)? == Flow::Done {
                    // The body's own end is usually there already. Whoever reads it can use the
                    // connection again; whoever does not must open another.
                    let _ = within(context, PARTING, response.chunk()).await;
                    return assembly.reply(model, self.estimate(model, request));
                }
            }
        }
        assembly.reply(model, self.estimate(model, request))
    }

    fn estimate(&self, model: &ModelId, request: &ModelRequest) -> Usage {
        Usage::estimated(self.count_input(model, request), 0)
    }

    async fn open(
        &self,
        model: &ModelId,
        request: &ModelRequest,
        context: &CallContext,
    ) -> Result<Response, ModelFailure> {
        if let Some(wanted) = self.dialect.unsupported(request) {
            return Err(ModelFailure::Refused {
                status: 400,
                message: format!("not sent: {wanted}"),
            });
        }
        let framing = self.dialect.framing();
        let call = self.dialect.request(&self.endpoint, model, request);
        let body = serde_json::to_vec(&call.body)
            .map_err(|error| ModelFailure::Malformed { message: error.to_string() })?;
        let sending = self
            .client
            .post(call.url)
            .headers(call.headers)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, framing.media_type())
            .header("x-client-request-id", &context.idempotency_key)
            .body(body)
            .send();
        let response = self
            .patiently(context, sending)
            .await?
            .map_err(|error| refusal::unreachable(&error))?;
        if response.status().is_success() {
            return is_framed(&response, framing).map(|()| response);
        }
        // What a slow error page would add is not worth waiting for.
        let refused = refusal::read(response, context.clock.now(), &self.scrub);
        Err(self.patiently(context, refused).await?)
    }

    /// Waits for `step` no longer than the vendor may be silent.
    async fn patiently<T>(
        &self,
        context: &CallContext,
        step: impl Future<Output = T>,
    ) -> Result<T, ModelFailure> {
        within(context, self.endpoint.silence, step).await
    }
}

async fn within<T>(
    context: &CallContext,
    span: Duration,
    step: impl Future<Output = T>,
) -> Result<T, ModelFailure> {
    tokio::select! {
        biased;
        outcome = step => Ok(outcome),
        () = context.clock.sleep(span) => Err(ModelFailure::TimedOut { after: span }),
    }
}

fn is_framed(response: &Response, framing: Framing) -> Result<(), ModelFailure> {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    match kind {
        Some(kind) if kind.starts_with(framing.media_type()) => Ok(()),
        _ => {
            let (wanted, kind) = (framing.media_type(), kind.unwrap_or("nothing"));
            Err(ModelFailure::Malformed { message: format!("not {wanted} but {kind}") })
        }
    }
}

#[async_trait]
impl Provider for Vendor {
    fn name(&self) -> &str {
        self.name
    }

    fn count_input(&self, model: &ModelId, request: &ModelRequest) -> u64 {
        tokens::bound(model, request)
    }

    fn price(&self, _: &ModelId) -> Option<Price> {
        self.price
    }

    async fn call(
        &self,
        model: &ModelId,
        request: &ModelRequest,
        context: &CallContext,
        sink: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure> {
        let sink = Hiding::new(sink, &self.scrub);
        let exchange = self.exchange(model, request, context, &sink);
        let answer = match context.deadline {
            Some(deadline) => within(context, deadline, exchange).await.flatten(),
            None => exchange.await,
        };
        hidden::of(answer, &self.scrub)
    }
}
