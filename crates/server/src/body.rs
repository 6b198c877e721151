//! Reading a message: whole, in time, of the right kind, and not too large.

use std::time::Duration;

use axum::{
    body::to_bytes,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use mainstay_core::{code::Code, secret::Secret};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::Problem;

/// The most bytes of a message: a result of a mebibyte, and what is said about it.
pub(crate) const LARGEST: usize = (1 << 20) + (64 << 10);

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
    allowed(&head.headers)?;
    let token = token(&head.headers);
    let too_large = || {
        let detail = format!("the message is larger than {LARGEST} bytes");
        wrong(StatusCode::PAYLOAD_TOO_LARGE, detail)
            .with_hint("return a reference to it, or less of it; fail the call")
    };
    let announced = head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|text| text.parse::<usize>().ok()).is_some_and(|length| length > LARGEST)
    {
        return Err(too_large());
    }
    let arrived = timeout(ARRIVES, to_bytes(body, LARGEST)).await;
    let bytes = arrived
        .map_err(|_| wrong(StatusCode::REQUEST_TIMEOUT, "the message did not arrive in time"))?
        .map_err(|_| too_large())?;
    let message = serde_json::from_slice(&bytes).map_err(|error| {
        wrong(StatusCode::BAD_REQUEST, format!("the message cannot be read: {error}"))
            .with_hint("compare it with docs/tools-workers.md")
    })?;
    Ok((message, token))
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
