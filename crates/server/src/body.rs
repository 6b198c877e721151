//! Reading a message: whole, in time, of the right kind, and not too large.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use mainstay_core::{code::Code, secret::Secret};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::Problem;

/// The most bytes of a message: a result of a mebibyte, and what is said about it.
pub(crate) const LARGEST: usize = (1 << 20) + (64 << 10);

/// So many bytes of a message that is too large are read before it is hung up on.
const READ_ON: usize = 16 << 20;

/// A message has to arrive within this time.
const ARRIVES: Duration = Duration::from_secs(10);

fn wrong(status: StatusCode, detail: impl Into<String>) -> Problem {
    Problem::new(status, Code::WorkerMessage, detail)
}

/// Reads a message, and the token that came with it.
///
/// # Errors
/// It comes from a web page, is no JSON of that form, is too large, or does not arrive.
pub(crate) async fn read<T: DeserializeOwned>(
    request: Request,
) -> Result<(T, Option<Secret>), Problem> {
    let (head, body) = request.into_parts();
    let arrived = timeout(ARRIVES, whole(body)).await;
    let bytes = arrived
        .map_err(|_| wrong(StatusCode::REQUEST_TIMEOUT, "the message did not arrive in time"))??;
    allowed(&head.headers)?;
    let message = serde_json::from_slice(&bytes).map_err(|error| {
        wrong(StatusCode::BAD_REQUEST, format!("the message cannot be read: {error}"))
            .with_hint("compare it with docs/tools-workers.md")
    })?;
    Ok((message, token(&head.headers)))
}

/// Whoever is hung up on while sending does not see the answer, so what is too large is read on for
/// a while, and forgotten.
async fn whole(body: Body) -> Result<Vec<u8>, Problem> {
    let mut parts = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| {
            wrong(StatusCode::BAD_REQUEST, format!("the message did not arrive: {error}"))
        })?;
        length = length.saturating_add(part.len());
        if length <= LARGEST {
            bytes.extend_from_slice(&part);
        } else {
            bytes = Vec::new();
        }
        if length > READ_ON {
            break;
        }
    }
    if length <= LARGEST {
        return Ok(bytes);
    }
    let detail = format!("the message is larger than {LARGEST} bytes");
    Err(wrong(StatusCode::PAYLOAD_TOO_LARGE, detail)
        .with_hint("return a reference to it, or less of it; fail the call"))
}

/// A web page may make a browser on this machine send what it likes, but not as JSON, and not
/// without saying where it comes from.
fn allowed(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(header::ORIGIN) {
        return Err(wrong(StatusCode::FORBIDDEN, "a worker is no web page"));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(wrong(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the message is not called application/json"))
}

fn token(headers: &HeaderMap) -> Option<Secret> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

/// Writes an answer.
pub(crate) fn answer(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, Code::Bug, error.to_string()).into_response()
        }
    }
}
