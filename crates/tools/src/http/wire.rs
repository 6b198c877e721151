//! One exchange over one connection: HTTP/1.1, in the clear or over TLS.
//!
//! The connection is driven by whoever waits for the answer, so dropping that future closes it, and
//! there is no task that anybody could forget.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::Poll,
};

use bytes::Bytes;
use http::response::Parts;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::url::{Host, Scheme, Url};

/// The most headers of an answer.
const MOST_HEADERS: usize = 100;

/// The most bytes of an answer's head.
const LONGEST_HEAD: usize = 64 << 10;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Whom to believe over TLS: the machine's certificates, and further ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Tls {
    roots: Vec<CertificateDer<'static>>,
    // Reading the machine's certificates takes milliseconds, and many programs need none.
    config: Arc<OnceLock<Result<Arc<ClientConfig>, String>>>,
}

impl Tls {
    /// Believes the certificates of a PEM text, too.
    pub(super) fn with_roots(mut self, pem: &[u8]) -> Result<Self, String> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let found = found.map_err(|error| format!("no certificate: {error}"))?;
        if found.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        self.roots.extend(found);
        self.config = Arc::default();
        Ok(self)
    }

    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.config.get_or_init(|| self.make()).clone()
    }

    fn make(&self) -> Result<Arc<ClientConfig>, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(
            self.roots.iter().cloned(),
            Arc::clone(&provider),
        );
        let verifier = verifier.map_err(|error| error.to_string())?;
        let builder = ClientConfig::builder_with_provider(provider);
        let builder =
            builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let verified = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        Ok(Arc::new(verified.with_no_client_auth()))
    }

    async fn wrap(&self, url: &Url, stream: TcpStream) -> Result<Box<dyn Stream>, String> {
        let name = match url.host() {
            Host::Address(address) => ServerName::from(*address),
            Host::Name(name) => {
                ServerName::try_from(name.clone()).map_err(|error| error.to_string())?
            }
        };
        let connector = TlsConnector::from(self.config()?);
        let stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
        Ok(Box::new(stream))
    }
}

/// A connection before the request is written.
pub(super) struct Ready {
    sender: http1::SendRequest<Full<Bytes>>,
    line: Line,
}

/// A connection that is driven by whoever waits on it.
struct Line {
    connection: Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>,
}

impl Line {
    /// Waits for something that comes over the connection.
    async fn drive<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        poll_fn(|cx| {
            if let Some(connection) = &mut self.connection
                && connection.as_mut().poll(cx).is_ready()
            {
                // How it ended is told by the answer, which has all that was read.
                self.connection = None;
            }
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            // The answer may have handed the connection something to write.
            if let Some(connection) = &mut self.connection
                && connection.as_mut().poll(cx).is_ready()
            {
                self.connection = None;
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    }
}

/// Prepares a connection: TLS where the URL says so.
pub(super) async fn prepare(tls: &Tls, url: &Url, stream: TcpStream) -> Result<Ready, String> {
    let stream: Box<dyn Stream> = match url.scheme() {
        Scheme::Http => Box::new(stream),
        Scheme::Https => tls.wrap(url, stream).await?,
    };
    let mut builder = http1::Builder::new();
    builder.max_headers(MOST_HEADERS).max_buf_size(LONGEST_HEAD);
    let shaken = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|error| error.to_string())?;
    Ok(Ready { sender, line: Line { connection: Some(Box::pin(connection)) } })
}

/// An answer whose body is still coming.
pub(super) struct Coming {
    line: Line,
    body: Incoming,
}

impl Ready {
    /// Writes the request and reads the head of the answer.
    pub(super) async fn ask(
        self,
        request: http::Request<Full<Bytes>>,
    ) -> Result<(Parts, Coming), String> {
        let Self { mut sender, mut line } = self;
        let answer = line.drive(sender.send_request(request)).await;
        let (parts, body) = answer.map_err(|error| causes(&error))?.into_parts();
        Ok((parts, Coming { line, body }))
    }
}

impl Coming {
    /// Returns the next piece of the body; none at its end.
    pub(super) async fn chunk(&mut self) -> Option<Result<Bytes, String>> {
        let Self { line, body } = self;
        loop {
            match line.drive(body.frame()).await? {
                // Trailers say nothing that anybody here reads.
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(causes(&error))),
            }
        }
    }
}

fn causes(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
