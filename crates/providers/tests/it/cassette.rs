//! Cassettes: what is found, in which order, what is said of what is not, and what a wrong file is.

use std::sync::Arc;

use expect_test::{Expect, expect};
use mainstay_core::{
    code::Code,
    failure::Failure,
    model::{
        CallContext, FinishReason, ModelFailure, ModelReply, ModelRequest, Price, Provider, Tier,
        ToolCall, Usage,
    },
};
use mainstay_providers::cassette::{Cassette, CassetteError, Exchange, Recording};
use serde_json::json;

use crate::{clock::Noting, watch::Watch};

fn asks(text: &str) -> ModelRequest {
    ModelRequest::new(Tier::Fast).with_system("Be brief.").with_user(text)
}

fn says(text: &str) -> ModelReply {
    ModelReply {
        model: "m-2025".into(),
        text: text.into(),
        tool_calls: vec![ToolCall::read("c1", "find", "{\"order\":")],
        reasoning: Some("I look it up.".into()),
        json: Some(json!(1)),
        usage: Usage::reported(4_711, 9),
        finish: FinishReason::ToolCalls,
        cost: Some(Price::FREE.cost(&Usage::reported(4_711, 9))),
    }
}

/// Two equal requests that were answered differently, and one that failed.
fn recording() -> Recording {
    let mut recording = Recording::new("run_1");
    let slow = Failure::retryable(Code::ModelUnavailable, "too many requests: slow down");
    recording.exchanges = vec![
        Exchange::replied(&asks("where is order 7?"), says("first")),
        Exchange::replied(&asks("where is order 7?"), says("second")),
        Exchange::failed(&asks("where is order 8?"), slow),
    ];
    recording
}

fn cassette() -> Cassette {
    let text = recording().to_json();
    Cassette::new("tape.json", Recording::parse("tape.json", &text).unwrap())
}

async fn ask(
    cassette: &Cassette,
    request: &ModelRequest,
    key: &str,
) -> (Result<ModelReply, ModelFailure>, Watch) {
    let watch = Watch::default();
    let context = CallContext::new(key, Arc::new(Noting::default()));
    let model = "cassette:tape.json".parse().unwrap();
    assert!(cassette.serves(&model) && cassette.price(&model) == Some(Price::FREE));
    (cassette.call(&model, request, &context, &watch).await, watch)
}

#[tokio::test]
async fn equal_requests_get_what_was_recorded_in_its_order_and_then_the_last_again() {
    let (cassette, request) = (cassette(), asks("where is order 7?"));
    // A call that is tried again is the same call.
    for (key, said) in
        [("a", "first"), ("a", "first"), ("b", "second"), ("c", "second"), ("a", "first")]
    {
        let reply = ask(&cassette, &request, key).await.0.unwrap();
        assert_eq!(reply.text, said, "{key}");
    }
}

#[tokio::test]
async fn whoever_is_asked_answers_as_it_was_recorded() {
    let request =
        ModelRequest { model: "other:model".parse().unwrap(), ..asks("where is order 7?") };
    let (outcome, watch) = ask(&cassette(), &request, "a").await;
    // What was made of the reply is made again by whoever asked.
    assert_eq!(outcome.unwrap(), ModelReply { json: None, cost: None, ..says("first") });
    assert_eq!(
        (watch.texts().concat(), watch.arguments(0)),
        ("first".into(), "{\"order\":".into())
    );
    assert_eq!(watch.thoughts().concat(), "I look it up.");
    assert!(watch.finished());
    let model = "cassette:tape.json".parse().unwrap();
    assert!(cassette().count_input(&model, &request) >= 4_711, "what it took is reserved");
}

#[tokio::test]
async fn a_call_that_failed_fails_again_and_in_the_same_way() {
    let failure = ask(&cassette(), &asks("where is order 8?"), "a").await.0.unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), (Code::ModelUnavailable, true));
    assert_eq!(failure.to_string(), "too many requests: slow down");
}

async fn missed(request: &ModelRequest, expected: Expect) {
    let failure = ask(&cassette(), request, "a").await.0.unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), (Code::NotRecorded, false));
    expected.assert_eq(&failure.to_string().replace("; ", "\n").replace(", which", "\nwhich"));
}

#[tokio::test]
async fn what_was_not_recorded_is_told_with_what_comes_closest() {
    missed(
        &asks("where is order 9?"),
        expect![[r#"
        tape.json holds no answer to a request for `text` that ends with `where is order 9?`
        the closest is exchange 1, a request for `text` that ends with `where is order 7?`
        which differs in the last message from `9?` on, where `7?` was recorded"#]],
    )
    .await;
    missed(&asks("where is order 7?").with_user("?"), expect![[r#"
        tape.json holds no answer to a request for `text` that ends with `?`
        the closest is exchange 1, a request for `text` that ends with `where is order 7?`
        which differs in the number of messages, the last message from `?` on, where `where is order 7?` was recorded"#]]).await;
    missed(
        &asks("where is order 7?").with_max_output_tokens(5),
        expect![[r#"
        tape.json holds no answer to a request for `text` that ends with `where is order 7?`
        the closest is exchange 1, a request for `text` that ends with `where is order 7?`
        which differs in an earlier message, a schema or a setting"#]],
    )
    .await;
}

#[tokio::test]
async fn an_empty_cassette_says_so() {
    let empty = Cassette::new("tape.json", Recording::new("run_1"));
    let failure = ask(&empty, &asks("?"), "a").await.0.unwrap_err();
    assert!(failure.to_string().ends_with("nothing is recorded in it"), "{failure}");
}

#[test]
fn the_form_of_a_cassette_does_not_change() {
    let mut recording = recording();
    recording.exchanges.remove(1);
    expect_test::expect_file!["../expected/cassette.json"].assert_eq(&recording.to_json());
    assert_eq!(Recording::parse("tape.json", &recording.to_json()).unwrap(), recording);
}

fn wrong(text: &str, expected: Expect) {
    let error: CassetteError = Recording::parse("tape.json", text).unwrap_err();
    assert_eq!(error.code(), Code::CassetteInvalid);
    expected.assert_eq(&error.to_string());
}

#[test]
fn a_file_that_is_no_cassette_says_what_is_wrong() {
    wrong("model: desk", expect!["tape.json: expected value at line 1 column 1"]);
    wrong("{}", expect!["tape.json: missing field `cassette` at line 1 column 2"]);
    wrong(
        r#"{"cassette": 2, "tracks": []}"#,
        expect!["tape.json: version 2, and this program reads 1"],
    );
    wrong(
        r#"{"cassette": 1, "run": "r", "exchanges": [], "tracks": []}"#,
        expect![
            "tape.json: unknown field `tracks`, expected one of `cassette`, `run`, `exchanges` at line 1 column 53"
        ],
    );
    let missing = Cassette::load(std::path::Path::new("no/such.json")).unwrap_err();
    assert!(missing.to_string().starts_with("no/such.json: "), "{missing}");
}
