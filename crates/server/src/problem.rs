//! What is refused, as RFC 9457 writes it.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use mainstay_core::{
    code::Code,
    failure::Retryability,
    remote::{Closed, RemoteRefusal},
};
use serde::Serialize;

/// A refusal: what happened, whether the same may be tried later, what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// The stable code.
    pub code: Code,
    /// What happened, in one sentence.
    pub detail: String,
    /// What to do next.
    pub hint: String,
    /// Whether the same message may be taken later.
    pub retry: Retryability,
}

/// A problem as it is written.
#[derive(Serialize)]
struct Written {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: Code,
    hint: String,
    retryable: bool,
}

impl Problem {
    /// Makes a problem that the same message would meet again.
    #[must_use]
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        let (detail, hint) = (detail.into(), format!("mainstay explain {code}"));
        Self { status, code, detail, hint, retry: Retryability::Permanent }
    }

    /// Says what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Says that the same message may be taken later.
    #[must_use]
    pub const fn retryable(mut self) -> Self {
        self.retry = Retryability::Retryable;
        self
    }
}

impl From<RemoteRefusal> for Problem {
    fn from(refusal: RemoteRefusal) -> Self {
        let status = match &refusal {
            RemoteRefusal::Denied => StatusCode::UNAUTHORIZED,
            RemoteRefusal::NoToken(_) => StatusCode::SERVICE_UNAVAILABLE,
            RemoteRefusal::Closed(Closed::Unknown) => StatusCode::NOT_FOUND,
            RemoteRefusal::Undeclared(_) | RemoteRefusal::Closed(_) => StatusCode::CONFLICT,
        };
        let detail = match &refusal {
            // Whoever has shown nothing yet is told nothing of the settings.
            RemoteRefusal::NoToken(why) => {
                tracing::warn!(why, "a worker's token cannot be checked");
                "the worker's token cannot be checked now".to_owned()
            }
            RemoteRefusal::Denied | RemoteRefusal::Undeclared(_) | RemoteRefusal::Closed(_) => {
                refusal.to_string()
            }
        };
        let problem = Self::new(status, refusal.code(), detail);
        Self { retry: refusal.retry(), ..problem.with_hint(refusal.hint()) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let retryable = self.retry == Retryability::Retryable;
        let written = Written {
            r#type: format!("urn:mainstay:error:{}", self.code),
            title: self.code.title(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code,
            hint: self.hint,
            retryable,
        };
        // Strings and numbers can always be written.
        let text = serde_json::to_string(&written).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, text).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        if retryable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_learns_nothing_of_the_settings() {
        let why = "MAINSTAY_SECRET_SHOP is not set".to_owned();
        let problem = Problem::from(RemoteRefusal::NoToken(why));
        assert_eq!((problem.status.as_u16(), problem.retry), (503, Retryability::Retryable));
        assert!(!format!("{problem:?}").contains("MAINSTAY_SECRET"), "{problem:?}");
    }
}
