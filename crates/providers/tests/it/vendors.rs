//! The vendors over HTTP: the suite against a server that replays their streams, and what is
//! particular to each.

use std::{path::Path, sync::Arc, time::Duration};

use mainstay_core::model::{
    CallContext, Message, ModelFailure, ModelRequest, Provider, Silent, Temperature, ToolCall,
    ToolChoice, ToolResult,
};
use mainstay_providers::vendor::{Endpoint, EndpointError, Key, Vendor};
use serde_json::{Value, json};

use crate::{
    clock::Waiting,
    conformance::{SAID, Scene, Set, play, provider_conformance, request},
    server::{Answer, End, Server},
    watch::Watch,
};

type Open = fn(Endpoint) -> Result<Vendor, EndpointError>;

provider_conformance!(openai, crate::vendors::set_openai);
provider_conformance!(anthropic, crate::vendors::set_anthropic);
provider_conformance!(gemini, crate::vendors::set_gemini);
provider_conformance!(ollama, crate::vendors::set_ollama);

pub(crate) async fn set_openai(scene: Scene) -> Set {
    set("openai", Vendor::openai, scene).await
}

pub(crate) async fn set_anthropic(scene: Scene) -> Set {
    set("anthropic", Vendor::anthropic, scene).await
}

pub(crate) async fn set_gemini(scene: Scene) -> Set {
    set("gemini", Vendor::gemini, scene).await
}

pub(crate) async fn set_ollama(scene: Scene) -> Set {
    set("ollama", Vendor::ollama, scene).await
}

async fn set(vendor: &str, open: Open, scene: Scene) -> Set {
    over(vendor, open, answer(vendor, scene)).await.0
}

async fn over(vendor: &str, open: Open, answer: Answer) -> (Set, Arc<Server>) {
    let server = Arc::new(Server::giving(answer).await);
    let endpoint = Endpoint::new(&server.url).unwrap().with_key(Key::new("sk-canary"));
    let (counting, returned) = (server.clone(), server.clone());
    let set = Set {
        provider: Arc::new(open(endpoint).unwrap()),
        model: format!("{vendor}:some-model").parse().unwrap(),
        asked: Box::new(move || Some(counting.asked().len())),
    };
    (set, returned)
}

fn stream(vendor: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams").join(vendor);
    std::fs::read_to_string(path.join(format!("{name}.sse"))).unwrap()
}

/// The first part of a stream, cut behind an event and before its finish marker.
fn first_part(stream: &str) -> String {
    let events: Vec<_> = stream.split_inclusive("\n\n").collect();
    let marker = events.iter().position(|event| {
        ["\"finish_reason\":\"stop\"", "\"stop_reason\":\"end_turn\"", "STOP"]
            .iter()
            .any(|marker| event.contains(marker))
    });
    events[..marker.unwrap()].concat()
}

/// The stream with the last piece before its finish marker damaged.
fn damaged(stream: &str) -> String {
    let head = first_part(stream);
    let cut = head.trim_end().len() - 9;
    format!("{}\n\n{}", &head[..cut], &stream[head.len()..])
}

fn answer(vendor: &str, scene: Scene) -> Answer {
    let text = || stream(vendor, "text");
    match scene {
        // Byte by byte: no character and no event arrives whole.
        Scene::Text => Answer::stream(text()).in_pieces_of(1),
        Scene::Json => Answer::stream(stream(vendor, "json")).in_pieces_of(7),
        Scene::ToolCall => Answer::stream(stream(vendor, "tool_call")).in_pieces_of(13),
        Scene::Length => Answer::stream(stream(vendor, "length")),
        Scene::MissingUsage => Answer::stream(stream(vendor, "missing_usage")),
        Scene::RateLimited => Answer::status(429, r#"{"error":{"message":"slow down"}}"#)
            .with_header("retry-after", "2"),
        Scene::Unavailable => Answer::status(503, "upstream is gone"),
        Scene::Refused => Answer::status(400, r#"{"error":{"message":"no such parameter"}}"#),
        Scene::Malformed => Answer::stream(damaged(&text())),
        Scene::Truncated => Answer::stream(first_part(&text())),
        Scene::Disconnected => Answer::stream(first_part(&text())).ending(End::Cut),
        Scene::Silent => Answer::stream("").ending(End::Hang),
    }
}

#[tokio::test]
async fn every_cut_of_the_bytes_gives_the_same_answer() {
    let whole = stream("openai", "text");
    for size in [1, 2, 3, 5, 64, 1_000] {
        let (set, _server) =
            over("openai", Vendor::openai, Answer::stream(whole.clone()).in_pieces_of(size)).await;
        assert_eq!(play(&set, Scene::Text).await.outcome.unwrap().text, SAID, "pieces of {size}");
    }
}

/// However early a stream ends before its finish marker, it is no answer; from there on it is one.
#[tokio::test]
async fn a_stream_is_an_answer_from_its_finish_marker_on_and_not_before() {
    for (vendor, open) in vendors() {
        let whole = stream(vendor, "text");
        let events: Vec<_> = whole.split_inclusive("\n\n").collect();
        let marked = first_part(&whole).matches("\n\n").count() + 1;
        for taken in 0..=events.len() {
            let (set, _server) = over(vendor, open, Answer::stream(events[..taken].concat())).await;
            let outcome = play(&set, Scene::Text).await.outcome;
            match outcome {
                Ok(reply) => {
                    assert!(taken >= marked, "{vendor}: {taken} events are no answer");
                    assert_eq!(reply.text, SAID);
                }
                Err(failure) => {
                    assert!(taken < marked, "{vendor}: {taken} events: {failure}");
                    assert_eq!(failure, ModelFailure::Truncated);
                }
            }
        }
    }
}

fn vendors() -> [(&'static str, Open); 4] {
    [
        ("openai", Vendor::openai),
        ("anthropic", Vendor::anthropic),
        ("gemini", Vendor::gemini),
        ("ollama", Vendor::ollama),
    ]
}

#[tokio::test]
async fn a_vendor_that_falls_silent_midway_is_given_up() {
    let answer = Answer::stream(first_part(&stream("openai", "text"))).ending(End::Hang);
    let server = Server::giving(answer).await;
    let silence = Duration::from_millis(60);
    let endpoint = Endpoint::new(&server.url).unwrap().with_silence(silence);
    let vendor = Vendor::openai(endpoint).unwrap();
    let watch = Watch::default();
    let context = CallContext::new("k", Arc::new(Waiting));
    let model = "openai:m".parse().unwrap();
    let outcome = vendor.call(&model, &request(Scene::Text), &context, &watch).await;
    assert_eq!(outcome.unwrap_err(), ModelFailure::TimedOut { after: silence });
    assert!(!watch.texts().is_empty());
}

#[tokio::test]
async fn calls_one_after_the_other_share_a_connection() {
    for (vendor, open) in vendors() {
        let (set, server) = over(vendor, open, answer(vendor, Scene::Json)).await;
        let context = CallContext::new("k", Arc::new(Waiting));
        for _ in 0..3 {
            let asked = request(Scene::Json);
            set.provider.call(&set.model, &asked, &context, &Silent).await.unwrap();
        }
        assert_eq!((server.asked().len(), server.connections()), (3, 1), "{vendor}");
    }
}

#[tokio::test]
async fn tool_arguments_that_are_not_json_are_a_failure_and_not_a_call() {
    let broken = stream("openai", "tool_call").replace("4711}", "4711");
    let (set, _server) = over("openai", Vendor::openai, Answer::stream(broken)).await;
    let failure = play(&set, Scene::ToolCall).await.outcome.unwrap_err();
    assert!(failure.to_string().contains("`find_order` are not JSON"), "{failure}");
}

#[tokio::test]
async fn a_tool_call_that_the_limit_cut_is_left_out() {
    let cut = stream("openai", "tool_call")
        .replace(r#"{"arguments":"{}"}"#, r#"{"arguments":"{\"or"}"#)
        .replace(r#""finish_reason":"tool_calls""#, r#""finish_reason":"length""#);
    let (set, _server) = over("openai", Vendor::openai, Answer::stream(cut)).await;
    let reply = play(&set, Scene::ToolCall).await.outcome.unwrap();
    assert_eq!(
        reply.tool_calls.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
        ["find_order"]
    );
}

#[tokio::test]
async fn an_index_out_of_reason_takes_no_memory() {
    let hostile = stream("openai", "tool_call").replace(r#""index":1"#, r#""index":4000000000"#);
    let (set, _server) = over("openai", Vendor::openai, Answer::stream(hostile)).await;
    let failure = play(&set, Scene::ToolCall).await.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::Malformed { .. }), "{failure:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_malformed() {
    let (set, _server) = over("openai", Vendor::openai, Answer::status(200, "{}")).await;
    let failure = play(&set, Scene::Text).await.outcome.unwrap_err();
    assert!(failure.to_string().contains("not an event stream"), "{failure}");
}

#[tokio::test]
async fn errors_inside_a_stream_are_told_apart() {
    let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let (set, _server) = over("anthropic", Vendor::anthropic, Answer::stream(overloaded)).await;
    let failure = play(&set, Scene::Text).await.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::Unavailable { started: true, .. }), "{failure:?}");
    let server_error = "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n";
    let (set, _server) = over("openai", Vendor::openai, Answer::stream(server_error)).await;
    let failure = play(&set, Scene::Text).await.outcome.unwrap_err();
    assert!(failure.is_retryable() && failure.to_string().contains("boom"), "{failure:?}");
}

#[tokio::test]
async fn the_thinking_is_shown_and_counted_but_is_no_part_of_the_answer() {
    let set = set_gemini(Scene::Text).await;
    let played = play(&set, Scene::Text).await;
    let reply = played.outcome.unwrap();
    assert_eq!((reply.usage.output_tokens, reply.usage.reasoning_tokens), (20, 9));
    assert_eq!(reply.text, SAID);
    let thought = json!({"kind": "thinking_delta", "text": "They ask for a parcel."});
    let seen = played.watch.events().iter().any(|e| serde_json::to_value(e).unwrap() == thought);
    assert!(seen, "{:?}", played.watch.events());
}

#[tokio::test]
async fn what_the_cache_gave_is_part_of_the_input_for_every_vendor() {
    let openai = play(&set_openai(Scene::Text).await, Scene::Text).await.outcome.unwrap().usage;
    assert_eq!((openai.input_tokens, openai.cached_input_tokens), (13, 8));
    let theirs = play(&set_anthropic(Scene::Text).await, Scene::Text).await.outcome.unwrap().usage;
    assert_eq!((theirs.input_tokens, theirs.cached_input_tokens), (15, 8));
}

/// A conversation with everything in it, as a vendor is sent it.
async fn sent(vendor: &'static str, open: Open) -> (Value, String) {
    let (set, server) = over(vendor, open, answer(vendor, Scene::Text)).await;
    let call = ToolCall {
        id: "call_0:c2lnbg==".into(),
        name: "find_order".into(),
        arguments: json!({"order": 4711}),
    };
    let result = ToolResult {
        call_id: call.id.clone(),
        name: "find_order".into(),
        content: "no such order".into(),
        is_error: true,
    };
    let conversation: ModelRequest = request(Scene::ToolCall)
        .with_message(Message::assistant("", vec![call]))
        .with_message(Message::tool_results(vec![result]))
        .with_tool_choice(ToolChoice::Tool("find_order".into()))
        .with_temperature(Temperature::new(1.5).unwrap())
        .with_stop("END");
    let context = CallContext::new("key-7", Arc::new(Waiting));
    set.provider.call(&set.model, &conversation, &context, &Silent).await.unwrap();
    let asked = server.asked().remove(0);
    (asked.body, asked.head)
}

#[tokio::test]
async fn openai_is_sent_its_own_form() {
    let (body, head) = sent("openai", Vendor::openai).await;
    assert!(head.starts_with("POST /chat/completions HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer sk-canary"), "{head}");
    assert!(head.contains("x-client-request-id: key-7"), "{head}");
    expect_test::expect_file!["../expected/openai.json"].assert_eq(&pretty(&body));
}

#[tokio::test]
async fn anthropic_is_sent_its_own_form() {
    let (body, head) = sent("anthropic", Vendor::anthropic).await;
    assert!(head.starts_with("POST /v1/messages HTTP/1.1"), "{head}");
    assert!(head.contains("x-api-key: sk-canary") && head.contains("anthropic-version:"), "{head}");
    expect_test::expect_file!["../expected/anthropic.json"].assert_eq(&pretty(&body));
}

#[tokio::test]
async fn gemini_is_sent_its_own_form() {
    let (body, head) = sent("gemini", Vendor::gemini).await;
    let line = "POST /v1beta/models/some-model:streamGenerateContent?alt=sse HTTP/1.1";
    assert!(head.starts_with(line), "{head}");
    assert!(head.contains("x-goog-api-key: sk-canary"), "{head}");
    expect_test::expect_file!["../expected/gemini.json"].assert_eq(&pretty(&body));
}

fn pretty(body: &Value) -> String {
    format!("{body:#}\n")
}
