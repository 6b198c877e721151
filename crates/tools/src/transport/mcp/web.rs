//! Streamable HTTP through the program's one way out.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use http::{HeaderName, HeaderValue};
use mainstay_core::secret::Scrub;
use rmcp::{
    model::{ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, ServerJsonRpcMessage},
    transport::streamable_http_client::{
        HttpStatusError, SseError, StreamableHttpClient, StreamableHttpError,
        StreamableHttpPostResponse,
    },
};
use sse_stream::{Sse, SseStream};

use super::{
    door::{Door, DoorError, Method, Reply, Request},
    message,
    settings::Given,
    stdio::{LONGEST_LINE, ticket_of},
};

/// Of a refusal at most so many bytes are read.
const REFUSAL: usize = 4 << 10;

const SESSION: &str = "mcp-session-id";
const LAST_EVENT: &str = "last-event-id";
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// A server's endpoint.
#[derive(Clone)]
pub(super) struct Web {
    pub(super) door: Arc<dyn Door>,
    pub(super) headers: Arc<BTreeMap<String, Given>>,
}

type Error = StreamableHttpError<DoorError>;
type Headers = HashMap<HeaderName, HeaderValue>;

fn not_sent(because: String) -> Error {
    StreamableHttpError::Client(DoorError { may_have_arrived: false, because })
}

impl Web {
    fn request(
        &self,
        method: Method,
        url: &str,
        session: Option<&str>,
        protocol: Headers,
    ) -> Result<Request, Error> {
        let accept = format!("{JSON}, {EVENTS}");
        let mut headers = vec![("accept".to_owned(), Given::Text(accept))];
        headers.extend(session.map(|id| (SESSION.to_owned(), Given::Text(id.into()))));
        let protocol: BTreeMap<_, _> =
            protocol.iter().map(|(name, value)| (name.as_str(), value)).collect();
        for (name, value) in protocol {
            let text = value.to_str().map_err(|error| not_sent(error.to_string()))?;
            headers.push((name.to_owned(), Given::Text(text.to_owned())));
        }
        for (name, given) in self.headers.iter() {
            headers.push((name.clone(), given.clone()));
        }
        Ok(Request { method, url: url.to_owned(), headers, body: None })
    }

    /// Sends a message. From here on it may have arrived, unless the way out says otherwise.
    async fn post(&self, request: Request, message: &ClientJsonRpcMessage) -> Result<Reply, Error> {
        let ticket = ticket_of(message);
        if ticket.is_some_and(|ticket| !ticket.depart()) {
            return Err(not_sent("its caller has gone".to_owned()));
        }
        let sent = self.door.send(request).await;
        if let (Err(DoorError { may_have_arrived: false, .. }), Some(ticket)) = (&sent, ticket) {
            ticket.stayed();
        }
        sent.map_err(StreamableHttpError::Client)
    }
}

impl StreamableHttpClient for Web {
    type Error = DoorError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let mut request =
            self.request(Method::Post, &uri, session_id.as_deref(), custom_headers)?;
        request.body = Some(serde_json::to_vec(&message)?);
        let reply = self.post(request, &message).await?;
        match reply.status {
            202 | 204 => Ok(StreamableHttpPostResponse::Accepted),
            200..=299 => answer(reply, &message).await,
            404 if session_id.is_some() => Err(StreamableHttpError::SessionExpired),
            _ => refusal(reply, &message, session_id.is_some()).await,
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<(), Error> {
        let session = Some(&*session_id);
        let request = self.request(Method::Delete, &uri, session, custom_headers)?;
        // A server need not offer this, and a session that stays open ends by itself.
        self.door.send(request).await.map(drop).map_err(StreamableHttpError::Client)
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Error> {
        let session = session_id.as_deref();
        let mut request = self.request(Method::Get, &uri, session, custom_headers)?;
        request.headers.extend(last_event_id.map(|id| (LAST_EVENT.to_owned(), Given::Text(id))));
        let reply = self.door.send(request).await.map_err(StreamableHttpError::Client)?;
        match reply.status {
            200..=299 if is(&reply, EVENTS) => Ok(events(reply)),
            200..=299 => Err(StreamableHttpError::UnexpectedContentType(content_type(&reply))),
            405 => Err(StreamableHttpError::ServerDoesNotSupportSse),
            status => Err(HttpStatusError::new(status, retry_after(&reply)).into()),
        }
    }
}

fn content_type(reply: &Reply) -> Option<String> {
    reply.header("content-type").map(str::to_owned)
}

fn is(reply: &Reply, wanted: &str) -> bool {
    let given = reply.header("content-type").unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

fn retry_after(reply: &Reply) -> Option<String> {
    reply.header("retry-after").map(str::to_owned)
}

/// Reads a reply that is no refusal.
async fn answer(
    reply: Reply,
    message: &ClientJsonRpcMessage,
) -> Result<StreamableHttpPostResponse, Error> {
    let session = reply.header(SESSION).map(str::to_owned);
    if is(&reply, EVENTS) {
        return Ok(StreamableHttpPostResponse::Sse(events(reply), session));
    }
    if !matches!(message, JsonRpcMessage::Request(_)) {
        return Ok(StreamableHttpPostResponse::Accepted);
    }
    if !is(&reply, JSON) {
        return Err(StreamableHttpError::UnexpectedContentType(content_type(&reply)));
    }
    let (body, rest) = read(reply.body, LONGEST_LINE).await?;
    if rest == Rest::More {
        return Err(StreamableHttpError::ResponseBodyTooLarge { max_size: LONGEST_LINE });
    }
    let read: ServerJsonRpcMessage = message::read(&body, &reply.scrub)?;
    Ok(StreamableHttpPostResponse::Json(read, session))
}

/// Reads a refusal. An error of the protocol in its body is the answer; a 5xx says nothing of what
/// was done before it.
async fn refusal(
    reply: Reply,
    message: &ClientJsonRpcMessage,
    in_session: bool,
) -> Result<StreamableHttpPostResponse, Error> {
    let (status, wait, json) = (reply.status, retry_after(&reply), is(&reply, JSON));
    let told = || Error::from(HttpStatusError::new(status, wait.clone()));
    if !(400..500).contains(&status) || matches!(status, 401 | 403 | 429) {
        return Err(told());
    }
    let (body, _) = read(reply.body, REFUSAL).await.unwrap_or_default();
    let error = match message::read::<ServerJsonRpcMessage>(&body, &reply.scrub) {
        Ok(JsonRpcMessage::Error(error)) if json => Some(error.error),
        _ => None,
    };
    let JsonRpcMessage::Request(request) = message else { return Err(told()) };
    // Servers of the older generation refuse the first question of the newer one in many ways.
    let probes = !in_session && matches!(request.request, ClientRequest::DiscoverRequest(_));
    let unknown = || ErrorData::invalid_request(format!("HTTP {status}"), None);
    let error = error.or_else(|| probes.then(unknown)).ok_or_else(told)?;
    let error = JsonRpcMessage::error(error, Some(request.id.clone()));
    Ok(StreamableHttpPostResponse::Json(error, None))
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Rest {
    #[default]
    Nothing,
    More,
}

async fn read(
    mut body: BoxStream<'static, Result<Bytes, DoorError>>,
    most: usize,
) -> Result<(Vec<u8>, Rest), Error> {
    let mut read = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(StreamableHttpError::Client)?;
        let room = most - read.len();
        read.extend(chunk.iter().take(room));
        if chunk.len() > room {
            return Ok((read, Rest::More));
        }
    }
    Ok((read, Rest::Nothing))
}

/// Reads events, none of them larger than a line may be.
fn events(Reply { body, scrub, .. }: Reply) -> BoxStream<'static, Result<Sse, SseError>> {
    let bounded = body.scan(Measure::default(), |measure, chunk| {
        let chunk = chunk.and_then(|chunk| measure.admit(&chunk).map(|()| chunk));
        std::future::ready((!measure.over).then(|| {
            measure.over = chunk.is_err();
            chunk
        }))
    });
    let events = SseStream::from_bytes_stream(bounded);
    events.map(move |event| event.map(|event| without_secrets(event, &scrub))).boxed()
}

fn without_secrets(event: Sse, scrub: &Scrub) -> Sse {
    let text = |text: Option<String>| text.map(|text| scrub.text(&text));
    let data = event.data.map(|data| scrub.json(&data));
    Sse { data, event: text(event.event), id: text(event.id), ..event }
}

/// How long the event under way is.
#[derive(Default)]
struct Measure {
    bytes: usize,
    line_is_empty: bool,
    over: bool,
}

impl Measure {
    fn admit(&mut self, chunk: &[u8]) -> Result<(), DoorError> {
        for byte in chunk {
            self.bytes += 1;
            match byte {
                b'\n' if self.line_is_empty => self.bytes = 0,
                b'\n' => self.line_is_empty = true,
                b'\r' => {}
                _ => self.line_is_empty = false,
            }
            if self.bytes > LONGEST_LINE {
                let because = format!("it sent an event over {LONGEST_LINE} bytes");
                return Err(DoorError { may_have_arrived: true, because });
            }
        }
        Ok(())
    }
}
