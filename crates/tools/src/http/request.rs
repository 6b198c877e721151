//! A request as a value. What is secret in it is a reference.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use mainstay_core::secret::SecretRef;

use super::url::Url;

/// How a secret stands in its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// By itself.
    Plain,
    /// As `Bearer …`.
    Bearer,
    /// As the password of this user, in `Basic …`.
    Basic(String),
    /// As the value of this cookie.
    Cookie(String),
}

/// A secret that goes along in a header. It is resolved when the request is written, goes to the
/// origin it was meant for, and to no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The header.
    pub header: HeaderName,
    /// How the secret stands in it.
    pub form: Form,
    /// The secret.
    pub secret: SecretRef,
}

impl Credential {
    /// Makes a bearer token of a secret.
    #[must_use]
    pub const fn bearer(secret: SecretRef) -> Self {
        Self { header: header::AUTHORIZATION, form: Form::Bearer, secret }
    }

    /// Makes a user's password of a secret.
    #[must_use]
    pub fn basic(user: impl Into<String>, secret: SecretRef) -> Self {
        Self { header: header::AUTHORIZATION, form: Form::Basic(user.into()), secret }
    }

    /// Makes a header of its own of a secret.
    ///
    /// # Errors
    /// There is no header of this name.
    pub fn header(name: &str, secret: SecretRef) -> Result<Self, String> {
        Ok(Self { header: header_name(name)?, form: Form::Plain, secret })
    }

    /// Makes a cookie of a secret.
    ///
    /// # Errors
    /// No cookie has this name.
    pub fn cookie(name: impl Into<String>, secret: SecretRef) -> Result<Self, String> {
        let name = name.into();
        let form = Form::Cookie(name.clone());
        // Names of cookies are tokens, as those of headers are (RFC 6265, 4.1.1).
        header_name(&name).map(|_| Self { header: header::COOKIE, form, secret })
    }
}

/// Reads the name of a header that a request may have.
///
/// # Errors
/// There is none of this name, or it says how messages are framed.
pub fn header_name(text: &str) -> Result<HeaderName, String> {
    let name = HeaderName::from_bytes(text.as_bytes());
    let name = name.map_err(|_| format!("`{text}` is no name of a header"))?;
    let framing = belongs_to_the_connection(&name);
    if framing { Err(format!("`{text}` belongs to the connection")) } else { Ok(name) }
}

fn belongs_to_the_connection(name: &HeaderName) -> bool {
    OURS.contains(name) || name.as_str().starts_with("proxy-")
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) credentials: Vec<Credential>,
    pub(super) body: Bytes,
}

impl Request {
    /// Makes a request without a body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        let (headers, credentials, body) = (HeaderMap::new(), Vec::new(), Bytes::new());
        Self { method, url, headers, credentials, body }
    }

    /// Sets a header. It must not hold a secret: see [`with_credential`](Self::with_credential).
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends a secret along.
    #[must_use]
    pub fn with_credential(mut self, credential: Credential) -> Self {
        self.credentials.push(credential);
        self
    }

    /// Sets the body and what it is.
    #[must_use]
    pub fn with_body(self, what: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self.with_header(header::CONTENT_TYPE, what) }
    }

    /// Returns where it goes.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Returns whether it only asks.
    pub(super) fn only_asks(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// Says what makes it impossible to send.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        if matches!(self.method, Method::CONNECT | Method::TRACE) {
            return Some("its method is for proxies");
        }
        let set = self.headers.keys().chain(self.credentials.iter().map(|each| &each.header));
        set.into_iter()
            .any(belongs_to_the_connection)
            .then_some("a header in it belongs to the connection")
    }
}

/// Headers that say how the message is framed: one that is set from outside could hide a second
/// request in the first.
const OURS: [HeaderName; 10] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::ACCEPT_ENCODING,
    HeaderName::from_static("keep-alive"),
];
