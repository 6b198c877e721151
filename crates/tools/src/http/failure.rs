//! Why a request got no answer, or none that counts, and what that means for a tool.
//!
//! What matters most is whether the request may have acted. As long as nothing was written to the
//! other side it cannot have. Afterwards only an answer can tell, and an answer of 5xx does not: a
//! server that failed may have failed after the deed.

use std::{fmt, time::Duration};

use http::StatusCode;
use mainstay_core::{code::Code, secret::Scrub, tool::ToolFailure};

use super::{egress::NotAllowed, url::BadUrl};

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The URL is none that is spoken to.
    Url(BadUrl),
    /// It leads where this tool's requests must not go.
    NotAllowed(NotAllowed),
    /// A redirect that is not followed.
    Redirect(&'static str),
    /// The request cannot be sent as it is.
    Request(&'static str),
    /// A credential has no value.
    Secret(String),
    /// Nobody was reached.
    Unreachable(String),
    /// No answer in the time there was.
    TimedOut(Duration),
    /// The connection was lost, or what came back is no HTTP.
    Lost(String),
    /// The answer has more bytes than it may.
    TooLarge(usize),
    /// The answer is packed, which nobody asked for.
    Encoded,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => write!(f, "the address is refused: {error}"),
            Self::NotAllowed(place) => write!(f, "requests must not go there: {place}"),
            Self::Redirect(why) => write!(f, "the redirect is not followed: {why}"),
            Self::Request(why) => write!(f, "the request cannot be sent: {why}"),
            Self::Secret(why) | Self::Unreachable(why) => f.write_str(why),
            Self::TimedOut(span) => write!(f, "no answer within {span:?}"),
            Self::Lost(why) => write!(f, "the answer was lost: {why}"),
            Self::TooLarge(most) => write!(f, "the answer is larger than {most} bytes"),
            Self::Encoded => f.write_str("the answer is compressed, which was not asked for"),
        }
    }
}

/// Whether anything of a request may have reached somebody who acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Nothing was written, or whoever read it said that it is not the place.
    Nobody,
    /// It may have been read.
    Perhaps,
}

/// Why a request failed. It is no [`std::error::Error`], so that it becomes a [`ToolFailure`] only
/// by [`into_tool_failure`](Self::into_tool_failure), which keeps what it says about effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpFailure {
    /// What went wrong.
    pub fault: Fault,
    /// Whether the request may have acted.
    pub reached: Reached,
}

impl HttpFailure {
    pub(super) const fn unsent(fault: Fault) -> Self {
        Self { fault, reached: Reached::Nobody }
    }

    pub(super) const fn sent(fault: Fault) -> Self {
        Self { fault, reached: Reached::Perhaps }
    }

    /// Returns the failure after an earlier request on its behalf may have acted.
    pub(super) fn after(self, earlier: Reached) -> Self {
        if earlier == Reached::Perhaps { Self::sent(self.fault) } else { self }
    }

    /// Returns the failure without secrets in its words.
    pub(super) fn without(self, scrub: &Scrub) -> Self {
        let fault = match self.fault {
            Fault::NotAllowed(NotAllowed { host, why }) => {
                Fault::NotAllowed(NotAllowed { host: scrub.text(&host), why: scrub.text(&why) })
            }
            Fault::Secret(why) => Fault::Secret(scrub.text(&why)),
            Fault::Unreachable(why) => Fault::Unreachable(scrub.text(&why)),
            Fault::Lost(why) => Fault::Lost(scrub.text(&why)),
            fault @ (Fault::Url(_)
            | Fault::Redirect(_)
            | Fault::Request(_)
            | Fault::TimedOut(_)
            | Fault::TooLarge(_)
            | Fault::Encoded) => fault,
        };
        Self { fault, ..self }
    }

    /// Returns the failure as a tool's.
    #[must_use]
    pub fn into_tool_failure(self) -> ToolFailure {
        let message = self.fault.to_string();
        let failure = match &self.fault {
            Fault::Url(_) | Fault::NotAllowed(_) | Fault::Redirect(_) => {
                ToolFailure::new(message).with_code(Code::EgressRefused)
            }
            Fault::Secret(_) => ToolFailure::new(message).with_code(Code::SecretMissing),
            Fault::Unreachable(_) if self.reached == Reached::Nobody => {
                ToolFailure::unavailable(message)
            }
            Fault::TimedOut(span) => ToolFailure::timed_out(*span),
            Fault::Unreachable(_) | Fault::Lost(_) => ToolFailure::new(message).retryable(),
            Fault::Request(_) | Fault::TooLarge(_) | Fault::Encoded => ToolFailure::new(message),
        };
        match self.reached {
            Reached::Nobody => failure.without_effect(),
            Reached::Perhaps => failure,
        }
    }
}

impl fmt::Display for HttpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

/// Returns what an answer that is no success means for a tool: 4xx did not act, 5xx may have.
#[must_use]
pub fn of_status(
    status: StatusCode,
    retry_after: Option<Duration>,
    message: impl Into<String>,
) -> ToolFailure {
    let failure = ToolFailure::new(message);
    let failure = match status {
        // Not now, or not over this connection: neither says anything about the request.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            failure.retryable().without_effect()
        }
        status if status.is_client_error() => failure.without_effect(),
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => failure,
        status if status.is_server_error() => failure.retryable(),
        _ => failure,
    };
    match retry_after {
        Some(span) => failure.with_retry_after(span),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::{
        failure::Retryability::{Permanent, Retryable},
        tool::TookEffect,
    };

    use super::*;

    #[test]
    fn an_answer_says_whether_the_call_acted_and_whether_to_try_again() {
        use TookEffect::{No, Unknown};
        let table = [
            (400, Permanent, No),
            (401, Permanent, No),
            (404, Permanent, No),
            (408, Retryable, No),
            (409, Permanent, No),
            (422, Permanent, No),
            (425, Retryable, No),
            (429, Retryable, No),
            (500, Retryable, Unknown),
            (501, Permanent, Unknown),
            (502, Retryable, Unknown),
            (503, Retryable, Unknown),
            (302, Permanent, Unknown),
        ];
        for (status, retry, took_effect) in table {
            let failure = of_status(StatusCode::from_u16(status).unwrap(), None, "");
            assert_eq!((failure.retry, failure.took_effect), (retry, took_effect), "{status}");
        }
        let wait = Duration::from_secs(7);
        for status in [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE] {
            assert_eq!(of_status(status, Some(wait), "").retry_after, Some(wait));
        }
    }

    #[test]
    fn what_was_not_sent_did_not_act_and_what_was_lost_may_have() {
        let unreachable = || Fault::Unreachable("no route".to_owned());
        let unsent = HttpFailure::unsent(unreachable()).into_tool_failure();
        assert_eq!(unsent, ToolFailure::unavailable("no route"));
        let lost = HttpFailure::sent(Fault::Lost("reset".to_owned())).into_tool_failure();
        assert_eq!((lost.took_effect, lost.retry), (TookEffect::Unknown, Retryable));
        let refused = HttpFailure::unsent(Fault::Url(BadUrl("a user before the host")));
        let refused = refused.into_tool_failure();
        assert_eq!((refused.took_effect, refused.retry), (TookEffect::No, Permanent));
        let later = HttpFailure::unsent(unreachable()).after(Reached::Perhaps).into_tool_failure();
        assert_eq!(later.took_effect, TookEffect::Unknown, "an earlier hop may have acted");
        assert_ne!(later.code, Code::ToolUnavailable, "the model must not hear `nothing was done`");
    }
}
