//! The one HTTP client for tools. What it does not let through, no tool reaches.
//!
//! A host is resolved once, every address is checked, and exactly those are dialled, on every hop of
//! a redirect. Nothing else decides where a request goes: no proxy variable, no cookie jar, no pool
//! that outlives its check. Answers are bounded in bytes, headers and time; one that is too large
//! is a failure and never a part of an answer; compressed ones are not unpacked. Secrets are looked
//! up when the head is written and taken out of whatever comes back.
//!
//! Each request opens its own connection. That costs a handshake a call, and keeps the check and
//! the connection together.

pub mod address;
pub mod dial;
pub mod egress;
pub mod failure;
mod redirect;
pub mod request;
pub mod response;
pub mod url;
mod wire;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::Full;
use mainstay_core::secret::{Scrub, Secret, Secrets};
use tokio::time::{Instant, timeout, timeout_at};

use self::{
    dial::{Dial, Network, Resolve, SystemResolver, connect},
    request::{Credential, Form},
    response::Room,
    wire::Tls,
};

pub use self::{
    egress::{Allowed, Egress},
    failure::{Fault, HttpFailure, Reached, of_status},
    request::Request,
    response::{Response, Streaming},
    url::{BadUrl, Url},
};

/// What a request and its answer may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// From the first look-up to the last byte, over all redirects.
    pub total: Duration,
    /// Until a connection stands, for each hop; a part of the total.
    pub connect: Duration,
    /// The most bytes of a body.
    pub body: usize,
    /// The most redirects that are followed.
    pub redirects: u32,
}

/// A stream that is open for years is one without an end; more does not fit a clock.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

impl Default for HttpLimits {
    fn default() -> Self {
        let (total, connect) = (Duration::from_secs(30), Duration::from_secs(10));
        Self { total, connect, body: 1 << 20, redirects: 5 }
    }
}

/// The client. Cloning it is cheap.
#[derive(Clone)]
pub struct HttpClient {
    secrets: Arc<dyn Secrets>,
    resolver: Arc<dyn Resolve>,
    dial: Arc<dyn Dial>,
    tls: Tls,
}

/// Whether a request was written, also where the future that wrote it is gone.
#[derive(Debug, Default)]
struct Written(AtomicBool);

impl Written {
    fn reached(&self) -> Reached {
        if self.0.load(Ordering::Acquire) { Reached::Perhaps } else { Reached::Nobody }
    }

    fn set(&self, reached: Reached) {
        self.0.store(reached == Reached::Perhaps, Ordering::Release);
    }
}

impl HttpClient {
    /// Makes a client that looks secrets up here, and hosts with the operating system.
    #[must_use]
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        let (resolver, dial) = (Arc::new(SystemResolver), Arc::new(Network));
        Self { secrets, resolver, dial, tls: Tls::default() }
    }

    /// Looks hosts up elsewhere.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Believes the certificates of a PEM text, beside those of the machine.
    ///
    /// # Errors
    /// There is none in it.
    pub fn with_roots(mut self, pem: &[u8]) -> Result<Self, String> {
        self.tls = self.tls.with_roots(pem)?;
        Ok(self)
    }

    #[cfg(test)]
    pub(crate) fn with_dial(mut self, dial: Arc<dyn Dial>) -> Self {
        self.dial = dial;
        self
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// There is no answer, or none that may be taken.
    pub async fn send(
        &self,
        request: Request,
        egress: &Egress,
        limits: HttpLimits,
    ) -> Result<Response, HttpFailure> {
        self.open(request, egress, limits).await?.whole().await
    }

    /// Sends a request and reads the head of the answer; the body is read piece by piece.
    ///
    /// # Errors
    /// There is no answer, or none that may be taken.
    pub async fn open(
        &self,
        request: Request,
        egress: &Egress,
        limits: HttpLimits,
    ) -> Result<Streaming, HttpFailure> {
        let until = Instant::now() + limits.total.min(LONGEST);
        let room = Room { most: limits.body, left: limits.body, until, total: limits.total };
        let written = Written::default();
        let answer = self.follow(request, egress, limits, room, &written);
        let answer = timeout_at(until, answer).await;
        answer.unwrap_or_else(|_| {
            Err(HttpFailure { fault: Fault::TimedOut(limits.total), reached: written.reached() })
        })
    }

    /// Follows redirects to the answer.
    async fn follow(
        &self,
        mut request: Request,
        egress: &Egress,
        limits: HttpLimits,
        room: Room,
        written: &Written,
    ) -> Result<Streaming, HttpFailure> {
        let mut earlier = Reached::Nobody;
        // Over all hops: a redirect may carry what one origin was sent to another.
        let mut scrub = Scrub::default();
        for _ in 0..=limits.redirects {
            let asked = self.ask(&request, egress, limits, &mut scrub, written).await;
            let failed = |failure: HttpFailure| failure.after(earlier).without(&scrub);
            let (parts, coming) = asked.map_err(failed)?;
            let next = redirect::next(&request, parts.status, &parts.headers);
            let next = next.map_err(|(fault, reached)| failed(HttpFailure { fault, reached }))?;
            let Some(moved) = next.request else {
                return Streaming::new((parts, coming), request.url, scrub, room);
            };
            if next.acted == Reached::Perhaps {
                earlier = Reached::Perhaps;
            }
            written.set(earlier);
            request = moved;
        }
        Err(HttpFailure { fault: Fault::Redirect("there are too many"), reached: earlier })
    }

    /// Makes one hop.
    async fn ask(
        &self,
        request: &Request,
        egress: &Egress,
        limits: HttpLimits,
        scrub: &mut Scrub,
        written: &Written,
    ) -> Result<(http::response::Parts, wire::Coming), HttpFailure> {
        if let Some(flaw) = request.flaw() {
            return Err(HttpFailure::unsent(Fault::Request(flaw)));
        }
        let unreachable = |why: String| HttpFailure::unsent(Fault::Unreachable(why));
        let (url, patience) = (&request.url, limits.connect);
        let stream = connect(&*self.resolver, &*self.dial, egress, url, patience).await?;
        let secured = timeout(patience, wire::prepare(&self.tls, url, stream));
        let ready = secured
            .await
            .map_err(|_| {
                unreachable(format!("{} was not secured in {patience:?}", url.authority()))
            })?
            .map_err(|why| unreachable(format!("{}: {why}", url.authority())))?;
        let head = self.head(request, scrub).await?;
        written.set(Reached::Perhaps);
        ready.ask(head).await.map_err(|why| HttpFailure::sent(Fault::Lost(why)))
    }

    /// Writes the head. From here on values of secrets exist, and in nothing but this.
    async fn head(
        &self,
        request: &Request,
        scrub: &mut Scrub,
    ) -> Result<http::Request<Full<bytes::Bytes>>, HttpFailure> {
        let flawed = |why| HttpFailure::unsent(Fault::Request(why));
        let mut headers = request.headers.clone();
        let authority = HeaderValue::from_str(&request.url.authority());
        headers.insert(header::HOST, authority.map_err(|_| flawed("its host"))?);
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        for credential in &request.credentials {
            self.sign(&mut headers, credential, scrub).await?;
        }
        let mut head = http::Request::new(Full::new(request.body.clone()));
        *head.method_mut() = request.method.clone();
        *head.uri_mut() = request.url.target().parse().map_err(|_| flawed("its path"))?;
        *head.headers_mut() = headers;
        Ok(head)
    }

    async fn sign(
        &self,
        headers: &mut HeaderMap,
        credential: &Credential,
        scrub: &mut Scrub,
    ) -> Result<(), HttpFailure> {
        let reference = &credential.secret;
        let missing = |why: String| HttpFailure::unsent(Fault::Secret(why));
        let secret = self.secrets.resolve(reference).await.map_err(missing)?;
        scrub.add(reference, &secret).map_err(missing)?;
        let value = HeaderValue::from_str(&value_of(&credential.form, &secret));
        let mut value =
            value.map_err(|_| missing(format!("`{reference}` cannot stand in a header")))?;
        value.set_sensitive(true);
        headers.append(&credential.header, value);
        Ok(())
    }
}

/// Returns the header value that a secret becomes.
fn value_of(form: &Form, secret: &Secret) -> String {
    let secret = secret.expose();
    match form {
        Form::Plain => secret.to_owned(),
        Form::Bearer => format!("Bearer {secret}"),
        Form::Basic(user) => {
            format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{secret}")))
        }
        Form::Cookie(name) => format!("{name}={secret}"),
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
