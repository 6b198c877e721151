//! Statuses, one by one: what may be tried again, how long to wait, and that no secret leaks.

use std::{sync::Arc, time::Duration};

use mainstay_core::model::{CallContext, ModelFailure, Provider, Silent};
use mainstay_providers::vendor::{Endpoint, Key, Vendor};

use crate::{
    clock::Waiting,
    conformance::{Scene, request},
    server::{Answer, Server},
};

async fn failure(answer: Answer) -> ModelFailure {
    let server = Server::giving(answer).await;
    let failure = ask(&server.url).await;
    assert_eq!(server.asked().len(), 1);
    failure
}

async fn ask(url: &str) -> ModelFailure {
    let endpoint = Endpoint::new(url).unwrap().with_key(Key::new("sk-canary"));
    let vendor = Vendor::openai(endpoint).unwrap();
    let context = CallContext::new("k", Arc::new(Waiting));
    let model = "openai:m".parse().unwrap();
    vendor.call(&model, &request(Scene::Text), &context, &Silent).await.unwrap_err()
}

#[tokio::test]
async fn each_status_is_asked_once_and_says_whether_to_try_again() {
    for status in [400, 401, 403, 404, 413, 422] {
        let failure = failure(Answer::status(status, "{}")).await;
        assert!(matches!(failure, ModelFailure::Refused { status: s, .. } if s == status));
    }
    for status in [408, 409, 500, 502, 503, 529] {
        let failure = failure(Answer::status(status, "{}")).await;
        assert!(matches!(failure, ModelFailure::Unavailable { .. }), "{status}: {failure:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Answer::status(307, "").with_header("location", "http://127.0.0.1:1/");
    let failure = failure(elsewhere).await;
    assert!(matches!(failure, ModelFailure::Refused { status: 307, .. }), "{failure:?}");
}

#[tokio::test]
async fn the_wait_comes_from_any_status_and_also_from_a_date() {
    let busy = Answer::status(503, "").with_header("retry-after", "7");
    assert_eq!(failure(busy).await.retry_after(), Some(Duration::from_secs(7)));
    // Twenty seconds after the time that the test's clock shows.
    let date = "Fri, 21 Nov 2025 08:00:20 GMT";
    let limited = Answer::status(429, "").with_header("retry-after", date);
    assert_eq!(failure(limited).await.retry_after(), Some(Duration::from_secs(20)));
}

#[tokio::test]
async fn what_the_vendor_says_is_kept_but_the_key_is_not() {
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-canary."}}"#;
    let text = failure(Answer::status(401, body)).await.to_string();
    assert_eq!(text, "refused with 401: 401: Incorrect API key provided: [key].");
}

#[tokio::test]
async fn a_page_without_end_is_not_read_to_its_end() {
    let page = Answer::status(500, &"x".repeat(1 << 20)).in_pieces_of(1 << 14);
    assert!(failure(page).await.to_string().len() < 1_000);
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable() {
    // Port 1 of the loopback address is not listened on.
    let failure = ask("http://127.0.0.1:1").await;
    assert!(matches!(failure, ModelFailure::Unavailable { .. }), "{failure:?}");
    assert!(failure.to_string().contains("refused"), "{failure}");
    assert!(!failure.may_have_cost(), "nobody was asked");
}

#[tokio::test]
async fn a_status_from_something_in_between_may_have_cost() {
    for (status, cost) in [(500, false), (503, false), (529, false), (502, true), (504, true)] {
        let failure = failure(Answer::status(status, "")).await;
        assert_eq!(failure.may_have_cost(), cost, "{status}");
    }
}
