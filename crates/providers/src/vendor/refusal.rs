//! Turning an HTTP status into a failure: who may try again, and when.

use std::time::Duration;

use mainstay_core::{model::ModelFailure, secret::Scrub, time::Timestamp};
use reqwest::{Response, StatusCode, header::HeaderMap};
use serde_json::Value;

/// No more of an error page than this is read.
const MAX_PAGE: usize = 64 << 10;
/// No more of a vendor's message than this is kept.
const MAX_MESSAGE: usize = 500;

/// Returns the failure for a vendor that cannot be reached.
pub(super) fn unreachable(error: &reqwest::Error) -> ModelFailure {
    // The outermost text names the URL and nothing else; the reason stands at the root.
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    // Once connected, the request may have been read before the connection broke.
    let started = !error.is_connect();
    ModelFailure::Unavailable { message: reason.to_string(), retry_after: None, started }
}

/// Returns the failure that an answer other than 2xx means.
pub(super) async fn read(mut response: Response, now: Timestamp, scrub: &Scrub) -> ModelFailure {
    let status = response.status();
    let wait = retry_after(response.headers(), now);
    let mut page = Vec::new();
    while let Ok(Some(bytes)) = response.chunk().await {
        page.extend_from_slice(&bytes);
        if page.len() > MAX_PAGE {
            break;
        }
    }
    let page = scrub.json(&String::from_utf8_lossy(&page));
    let body = serde_json::from_str(&page).unwrap_or(Value::Null);
    let text = message(&body).unwrap_or_else(|| page.trim().to_owned());
    of_status(status.as_u16(), told(status, &text), wait.or_else(|| retry_info(&body)))
}

/// Returns the failure that a status means. A refusal other than 408, 409 and 429 would come
/// again.
pub(super) fn of_status(
    status: u16,
    message: String,
    retry_after: Option<Duration>,
) -> ModelFailure {
    match status {
        429 => ModelFailure::RateLimited { message, retry_after },
        // These come from something in between, which does not know what the vendor did.
        408 | 502 | 504 => ModelFailure::Unavailable { message, retry_after, started: true },
        409 | 500.. => ModelFailure::Unavailable { message, retry_after, started: false },
        _ => ModelFailure::Refused { status, message },
    }
}

/// What vendors call their errors where no HTTP status can say it, and the status that each means.
const WORDS: [(&str, u16); 16] = [
    ("invalid_request_error", 400),
    ("invalid_prompt", 400),
    ("INVALID_ARGUMENT", 400),
    ("FAILED_PRECONDITION", 400),
    ("authentication_error", 401),
    ("UNAUTHENTICATED", 401),
    ("permission_error", 403),
    ("PERMISSION_DENIED", 403),
    ("not_found_error", 404),
    ("NOT_FOUND", 404),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("rate_limit_exceeded", 429),
    ("RESOURCE_EXHAUSTED", 429),
    ("server_is_overloaded", 503),
    ("overloaded_error", 529),
];

/// Returns the failure that an error object in the middle of a stream means, which began with 200:
/// by the status it gives as its code, or the words it gives as code, type or status.
pub(super) fn inside(error: &Value) -> ModelFailure {
    let message = message(error).unwrap_or_else(|| error.to_string());
    let field = |name: &str| error.get(name);
    let number = field("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let word = ["code", "type", "status"].into_iter().find_map(|name| {
        let word = field(name)?.as_str()?;
        WORDS.iter().find(|(known, _)| *known == word).map(|(_, status)| *status)
    });
    let status = number.filter(|status| (400..600).contains(status)).or(word);
    midway(status.unwrap_or(500), message)
}

/// Returns the failure that an error in the middle of a stream means: the vendor had begun to
/// work.
pub(super) fn midway(status: u16, message: String) -> ModelFailure {
    let mut failure = of_status(status, message, None);
    if let ModelFailure::Unavailable { started, .. } = &mut failure {
        *started = true;
    }
    failure
}

fn told(status: StatusCode, text: &str) -> String {
    let text: String = text.chars().take(MAX_MESSAGE).collect();
    if text.is_empty() { status.to_string() } else { format!("{}: {text}", status.as_u16()) }
}

/// Returns what a vendor says in its error object: `{"error": {"message": …}}`, `{"error": …}`,
/// or a list with such an object.
pub(super) fn message(body: &Value) -> Option<String> {
    let body = body.get(0).unwrap_or(body);
    let error = body.get("error").unwrap_or(body);
    let text = error.get("message").unwrap_or(error).as_str()?;
    Some(text.to_owned())
}

fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    if let Some(millis) = text("retry-after-ms").and_then(|ms| ms.trim().parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1_000.0).ok();
    }
    let wait = text("retry-after")?.trim();
    match wait.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => date(wait).map(|date| date.since(now)),
    }
}

/// Reads an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<Timestamp> {
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_micros(date.timestamp().as_microsecond()))
}

/// Reads Google's `RetryInfo`, which stands in the body: `"retryDelay": "31s"`.
fn retry_info(body: &Value) -> Option<Duration> {
    let body = body.get(0).unwrap_or(body);
    let details = body.get("error")?.get("details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay"))?.as_str()?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wait(name: &'static str, value: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        // 06 Nov 1994 08:49:07 UTC, half a minute before the date below.
        retry_after(&headers, Timestamp::from_millis(784_111_747_000))
    }

    #[test]
    fn the_wait_is_read_in_every_form_that_vendors_use() {
        assert_eq!(wait("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        let date = wait("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date, Some(Duration::from_secs(30)));
        assert_eq!(wait("retry-after", "soon"), None);
        assert_eq!(wait("retry-after", "-3"), None);
        let google = json!([{"error": {"details": [{}, {"retryDelay": "31s"}]}}]);
        assert_eq!(retry_info(&google), Some(Duration::from_secs(31)));
    }

    #[test]
    fn only_what_may_get_better_is_tried_again() {
        let again: Vec<u16> = (400..600)
            .filter(|status| of_status(*status, String::new(), None).is_retryable())
            .collect();
        let expected: Vec<u16> = [408, 409, 429].into_iter().chain(500..600).collect();
        assert_eq!(again, expected);
    }

    #[test]
    fn an_error_inside_a_stream_means_what_its_number_or_its_word_says() {
        let kinds = [
            (json!({"code": 503, "status": "UNAVAILABLE", "message": "busy"}), true),
            (json!({"type": "overloaded_error", "message": "Overloaded"}), true),
            (json!({"code": "rate_limit_exceeded", "message": "slow down"}), true),
            (json!({"type": "something_new", "message": "?"}), true),
            (json!({"type": "invalid_request_error", "code": null, "message": "no"}), false),
            (json!({"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}), false),
        ];
        for (error, again) in kinds {
            assert_eq!(inside(&error).is_retryable(), again, "{error}");
        }
        let limited = inside(&json!({"code": "rate_limit_exceeded", "message": "slow down"}));
        assert!(matches!(limited, ModelFailure::RateLimited { .. }), "{limited:?}");
    }

    #[test]
    fn the_message_is_found_wherever_vendors_put_it() {
        let texts = [
            json!({"error": {"message": "no"}}),
            json!({"error": "no"}),
            json!([{"error": {"message": "no"}}]),
            json!({"message": "no"}),
        ];
        for body in texts {
            assert_eq!(message(&body).as_deref(), Some("no"), "{body}");
        }
    }
}
