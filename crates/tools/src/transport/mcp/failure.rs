//! Why a call has no result, and whether it may have acted.

use std::{error::Error, time::Duration};

use mainstay_core::{code::Code, tool::ToolFailure};
use rmcp::{
    model::{ErrorCode, ErrorData},
    service::ServiceError,
    transport::streamable_http_client::{HttpStatusError, StreamableHttpError},
};

use super::{door::DoorError, ticket::Ticket};

/// A URL that a person has to open, in the generation of 2025-11-25.
const URL_ASKED: i32 = -32042;

/// What an error says about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    /// It still works.
    Alive,
    /// It is to be made anew before the next call.
    Lost,
}

/// Returns the failure of a call, and whether the connection is still of use.
pub(super) fn of(error: &ServiceError, ticket: &Ticket) -> (ToolFailure, Connection) {
    if let ServiceError::McpError(data) = error {
        return (answered(data), Connection::Alive);
    }
    if let ServiceError::TransportSend(sent) = error
        && let Some(told) = over_http(&*sent.error)
    {
        return told;
    }
    if !ticket.may_have_arrived() {
        return (ToolFailure::unavailable(chain(error)), Connection::Lost);
    }
    let lost = format!("the connection was lost before the server answered: {}", chain(error));
    (ToolFailure::new(lost).retryable(), Connection::Lost)
}

/// An error of the protocol is an answer: the call arrived, and this became of it.
fn answered(data: &ErrorData) -> ToolFailure {
    let told = format!("the server refuses the call: {}", data.message);
    match data.code {
        ErrorCode::INVALID_PARAMS => ToolFailure::refused(told).with_code(Code::ToolArguments),
        ErrorCode::METHOD_NOT_FOUND | ErrorCode::INVALID_REQUEST => ToolFailure::refused(told),
        ErrorCode::PARSE_ERROR => {
            ToolFailure::new(data.message.to_string()).with_code(Code::McpAnswer)
        }
        ErrorCode(URL_ASKED) => ToolFailure::refused(told).with_code(Code::McpInput),
        _ => ToolFailure::new(format!("the server failed: {}", data.message)),
    }
}

/// Reads what streamable HTTP says of a request that has left.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum of another crate, which may grow")]
fn over_http(error: &(dyn Error + 'static)) -> Option<(ToolFailure, Connection)> {
    let found = source::<StreamableHttpError<DoorError>>(error)?;
    let unreadable = || {
        let told = format!("the server's answer cannot be read: {found}");
        Some((ToolFailure::new(told).with_code(Code::McpAnswer), Connection::Alive))
    };
    match found {
        StreamableHttpError::HttpStatus(status) => Some((refused(status), Connection::Alive)),
        // The server does not know the session, so it has done nothing in it.
        StreamableHttpError::SessionExpired => {
            Some((ToolFailure::unavailable("the session has expired"), Connection::Lost))
        }
        StreamableHttpError::UnexpectedContentType(_)
        | StreamableHttpError::UnexpectedServerResponse(_)
        | StreamableHttpError::ResponseBodyTooLarge { .. }
        | StreamableHttpError::Deserialize(_)
        | StreamableHttpError::Sse(_) => unreadable(),
        _ => None,
    }
}

/// A 4xx was refused before anything was done; a 5xx may have come after it was.
fn refused(error: &HttpStatusError) -> ToolFailure {
    let told = format!("the server answers HTTP {}", error.status);
    let failure = match error.status {
        429 => ToolFailure::unavailable(told),
        300..=499 => ToolFailure::refused(told),
        _ => ToolFailure::new(told).retryable(),
    };
    let seconds = error.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
    seconds.map(Duration::from_secs).into_iter().fold(failure, ToolFailure::with_retry_after)
}

fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref() {
            return Some(found);
        }
        next = current.source();
    }
    None
}

/// Returns an error with its causes.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_told = cause.to_string();
        if !told.contains(&cause_told) {
            told = format!("{told}: {cause_told}");
        }
        next = cause.source();
    }
    told
}
