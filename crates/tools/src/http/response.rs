//! An answer as a value, with every secret that was sent taken out of it.

use std::{borrow::Cow, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header, response::Parts};
use mainstay_core::secret::Scrub;
use tokio::time::{Instant, timeout_at};

use super::{
    failure::{Fault, HttpFailure},
    url::Url,
    wire::Coming,
};

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Response {
    /// What kind of answer.
    pub status: StatusCode,
    /// Its headers, without secrets.
    pub headers: HeaderMap,
    /// Its body, without secrets as far as bytes show them: see [`scrub`](Self::scrub).
    pub body: Bytes,
    /// Who answered, after all redirects.
    pub url: Url,
    /// Takes the secrets that were sent out of what the body is read as.
    pub scrub: Scrub,
}

impl Response {
    /// Returns how long the other side asks to wait, where it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }

    /// Returns what the body is, without parameters and in lower case; empty if it is not said.
    #[must_use]
    pub fn content_type(&self) -> String {
        content_type(&self.headers)
    }
}

/// Reads `Retry-After`: seconds, or a time, which counts from when the answer says it was made. So
/// the two clocks need not agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = |text: &str| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second());
    let made = time(headers.get(header::DATE)?.to_str().ok()?)?;
    Some(Duration::from_secs(time(text)?.checked_sub(made)?.try_into().unwrap_or(0)))
}

fn content_type(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    text.and_then(|text| text.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase()
}

/// An answer whose body is read piece by piece. Pieces are as they came: secrets in them are for
/// the reader to take out, with [`scrub`](Self::scrub), once the pieces are messages. Lines come
/// without them.
pub struct Streaming {
    /// What kind of answer.
    pub status: StatusCode,
    /// Its headers, without secrets.
    pub headers: HeaderMap,
    /// Who answered, after all redirects.
    pub url: Url,
    /// Takes the secrets that were sent out of what the pieces are read as.
    pub scrub: Scrub,
    coming: Coming,
    room: Room,
    /// What came after the last whole line.
    rest: BytesMut,
}

/// The most bytes of a line; a message that stands on one may be a mebibyte, escaped.
const LONGEST_LINE: usize = 4 << 20;

/// How much more may come, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) most: usize,
    pub(super) left: usize,
    pub(super) until: Instant,
    pub(super) total: Duration,
}

impl Streaming {
    pub(super) fn new(
        (parts, coming): (Parts, Coming),
        url: Url,
        scrub: Scrub,
        room: Room,
    ) -> Result<Self, HttpFailure> {
        let packed = parts.headers.get_all(header::CONTENT_ENCODING).iter();
        if packed.into_iter().any(|encoding| encoding != "identity") {
            return Err(HttpFailure::sent(Fault::Encoded));
        }
        let said = parts.headers.get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok());
        if said.and_then(|text| text.parse::<usize>().ok()).is_some_and(|said| said > room.left) {
            return Err(HttpFailure::sent(Fault::TooLarge(room.most)));
        }
        let headers = without_secrets(parts.headers, &scrub);
        let rest = BytesMut::new();
        Ok(Self { status: parts.status, headers, url, scrub, coming, room, rest })
    }

    /// Returns how long the other side asks to wait, where it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }

    /// Returns what the body is, without parameters and in lower case; empty if it is not said.
    #[must_use]
    pub fn content_type(&self) -> String {
        content_type(&self.headers)
    }

    /// Returns the next piece of the body; none at its end.
    ///
    /// # Errors
    /// The connection is lost, the time is up, or the body is larger than it may be.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpFailure> {
        let failed = |fault| Err(HttpFailure::sent(fault));
        let Ok(chunk) = timeout_at(self.room.until, self.coming.chunk()).await else {
            return failed(Fault::TimedOut(self.room.total));
        };
        let chunk = match chunk {
            None => return Ok(None),
            Some(Ok(chunk)) => chunk,
            Some(Err(why)) => return failed(Fault::Lost(self.scrub.text(&why))),
        };
        match self.room.left.checked_sub(chunk.len()) {
            Some(left) => self.room.left = left,
            None => return failed(Fault::TooLarge(self.room.most)),
        }
        Ok(Some(chunk))
    }

    /// Returns the next line with its break, without secrets; none at the end. What comes after the
    /// last break is a line, too. Not to be mixed with [`chunk`](Self::chunk).
    ///
    /// # Errors
    /// As for [`chunk`](Self::chunk), or the line is longer than 4 MiB.
    pub async fn line(&mut self) -> Result<Option<Bytes>, HttpFailure> {
        let mut looked_at = 0;
        loop {
            let fresh = self.rest.iter().skip(looked_at).position(|byte| *byte == b'\n');
            if let Some(at) = fresh {
                let line = self.rest.split_to(looked_at + at + 1).freeze();
                return Ok(Some(clean(&self.scrub, line)));
            }
            looked_at = self.rest.len();
            if looked_at > LONGEST_LINE {
                return Err(HttpFailure::sent(Fault::TooLarge(LONGEST_LINE)));
            }
            match self.chunk().await? {
                Some(chunk) => self.rest.extend_from_slice(&chunk),
                None if looked_at == 0 => return Ok(None),
                None => return Ok(Some(clean(&self.scrub, self.rest.split().freeze()))),
            }
        }
    }

    /// Reads the rest.
    ///
    /// # Errors
    /// As for [`chunk`](Self::chunk).
    pub async fn whole(mut self) -> Result<Response, HttpFailure> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        let Self { status, headers, url, scrub, .. } = self;
        let body = clean(&scrub, body.freeze());
        Ok(Response { status, headers, body, url, scrub })
    }
}

fn clean(scrub: &Scrub, bytes: Bytes) -> Bytes {
    match scrub.bytes(&bytes) {
        Cow::Borrowed(_) => bytes,
        Cow::Owned(clean) => clean.into(),
    }
}

fn without_secrets(headers: HeaderMap, scrub: &Scrub) -> HeaderMap {
    let mut clean = HeaderMap::with_capacity(headers.len());
    for (name, value) in &headers {
        if scrub.finds(name.as_str().as_bytes()) {
            continue;
        }
        let value = match scrub.bytes(value.as_bytes()) {
            Cow::Borrowed(_) => value.clone(),
            Cow::Owned(clean) => {
                HeaderValue::try_from(clean).unwrap_or_else(|_| HeaderValue::from_static(""))
            }
        };
        clean.append(name, value);
    }
    clean
}

impl std::fmt::Debug for Streaming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Streaming");
        debug.field("status", &self.status).field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_time_by_the_other_sides_own_clock() {
        let wait = |after: &str, date: &str| {
            let pair = |name, value: &str| (name, HeaderValue::from_str(value).unwrap());
            let headers = [pair(header::RETRY_AFTER, after), pair(header::DATE, date)];
            retry_after(&headers.into_iter().collect()).map(|wait| wait.as_secs())
        };
        let (made, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT");
        assert_eq!(wait("7", made), Some(7));
        assert_eq!(wait(later, made), Some(30));
        assert_eq!(wait(made, later), Some(0), "it is over");
        for (after, date) in [("soon", made), (later, "soon"), ("-1", made), ("", made)] {
            assert_eq!(wait(after, date), None, "{after} {date}");
        }
    }
}
