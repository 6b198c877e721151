//! The way out over HTTP, as narrow as the transport needs it.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::HeaderValue;
use mainstay_core::secret::Scrub;

use super::settings::Given;
use crate::http::{
    self as http_client, HttpClient, HttpLimits,
    egress::Egress,
    failure::{HttpFailure, Reached},
    request::{Credential, Form, header_name},
    url::Url,
};

/// One way out over HTTP.
#[async_trait]
pub trait Door: Send + Sync {
    /// Sends a request and returns the reply's head; its body comes as it arrives.
    ///
    /// # Errors
    /// There is no reply, and the error says whether the request may have arrived.
    async fn send(&self, request: Request) -> Result<Reply, DoorError>;
}

/// The methods that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Opens a stream.
    Get,
    /// Sends a message.
    Post,
    /// Ends a session.
    Delete,
}

/// What is sent. Redirects are not followed.
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: String,
    /// Names and values; what is secret among them is resolved when it is written.
    pub headers: Vec<(String, Given)>,
    /// The body, which is JSON.
    pub body: Option<Vec<u8>>,
}

/// What comes back.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values that are text.
    pub headers: Vec<(String, String)>,
    /// Takes the secrets that were sent out of what the body is read as.
    pub scrub: Scrub,
    /// The body as it arrives.
    pub body: BoxStream<'static, Result<Bytes, DoorError>>,
}

impl Reply {
    /// Returns a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Why there is no reply.
#[derive(Debug, Clone)]
pub struct DoorError {
    /// Whether the other side may have seen the request.
    pub may_have_arrived: bool,
    /// Why, without anything secret.
    pub because: String,
}

impl fmt::Display for DoorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.because)
    }
}

impl std::error::Error for DoorError {}

/// A stream of events has no end of its own: whoever waits for it ends it.
const LIMITS: HttpLimits = HttpLimits {
    total: Duration::from_secs(24 * 60 * 60),
    connect: Duration::from_secs(10),
    body: usize::MAX,
    redirects: 0,
};

/// The one HTTP client for tools. A server's own address is allowed by having been written down, and
/// nothing else is that is not public.
#[async_trait]
impl Door for HttpClient {
    async fn send(&self, request: Request) -> Result<Reply, DoorError> {
        let (outgoing, egress) =
            outgoing(request).map_err(|because| DoorError { may_have_arrived: false, because })?;
        let incoming = self.open(outgoing, &egress, LIMITS).await.map_err(DoorError::from)?;
        let text = |(name, value): (&http::HeaderName, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers = incoming.headers.iter().filter_map(text).collect();
        let (status, scrub) = (incoming.status.as_u16(), incoming.scrub.clone());
        let body = futures::stream::try_unfold(incoming, |mut incoming| async move {
            let chunk = incoming.chunk().await.map_err(DoorError::from)?;
            Ok(chunk.map(|chunk| (chunk, incoming)))
        });
        Ok(Reply { status, headers, scrub, body: Box::pin(body) })
    }
}

fn outgoing(request: Request) -> Result<(http_client::Request, Egress), String> {
    let method = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Delete => http::Method::DELETE,
    };
    let url = Url::parse(&request.url).map_err(|error| error.to_string())?;
    let own = format!("{}:{}", url.host(), url.port()).parse()?;
    let mut outgoing = http_client::Request::new(method, url);
    for (name, given) in request.headers {
        let header = header_name(&name)?;
        outgoing = match given {
            Given::Text(text) => {
                let value = HeaderValue::from_str(&text);
                let value =
                    value.map_err(|_| format!("`{name}` has a value that no header has"))?;
                outgoing.with_header(header, value)
            }
            Given::Secret(secret) => outgoing.with_credential(Credential::header(&name, secret)?),
            Given::Bearer(secret) => {
                outgoing.with_credential(Credential { header, form: Form::Bearer, secret })
            }
        };
    }
    if let Some(body) = request.body {
        outgoing = outgoing.with_body(HeaderValue::from_static("application/json"), body);
    }
    Ok((outgoing, Egress::public().allowing(own)))
}

impl From<HttpFailure> for DoorError {
    fn from(failure: HttpFailure) -> Self {
        let may_have_arrived = failure.reached == Reached::Perhaps;
        Self { may_have_arrived, because: failure.to_string() }
    }
}
