//! The vendors over HTTP: the suite against a server that replays their streams, and what is
//! particular to each.

mod wire;

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    digest::Digest,
    model::{
        CallContext, FinishReason, Message, ModelFailure, ModelRequest, PromptRef, Provider,
        Silent, Temperature, ToolCall, ToolChoice, ToolResult,
    },
};
use mainstay_providers::vendor::{Endpoint, Key, Vendor};
use serde_json::{Value, json};

use crate::{
    clock::Waiting,
    conformance::{SAID, Scene, Set, play, provider_conformance, request},
    server::{Answer, End, Server},
    watch::Watch,
};
use wire::{ALL, ANTHROPIC, GEMINI, OLLAMA, OPENAI, OPENAI_COMPATIBLE, OPENAI_RESPONSES, Wire};

provider_conformance!(openai, crate::vendors::set_openai, wire, filtered);
provider_conformance!(openai_responses, crate::vendors::set_openai_responses, wire, filtered);
provider_conformance!(openai_compatible, crate::vendors::set_openai_compatible, wire, filtered);
provider_conformance!(anthropic, crate::vendors::set_anthropic, wire, filtered);
provider_conformance!(gemini, crate::vendors::set_gemini, wire, filtered);
// Ollama has no content filter.
provider_conformance!(ollama, crate::vendors::set_ollama, wire);

pub(crate) async fn set_openai(scene: Scene) -> Set {
    set(&OPENAI, scene).await
}

pub(crate) async fn set_openai_responses(scene: Scene) -> Set {
    set(&OPENAI_RESPONSES, scene).await
}

pub(crate) async fn set_openai_compatible(scene: Scene) -> Set {
    set(&OPENAI_COMPATIBLE, scene).await
}

pub(crate) async fn set_anthropic(scene: Scene) -> Set {
    set(&ANTHROPIC, scene).await
}

pub(crate) async fn set_gemini(scene: Scene) -> Set {
    set(&GEMINI, scene).await
}

pub(crate) async fn set_ollama(scene: Scene) -> Set {
    set(&OLLAMA, scene).await
}

async fn set(wire: &Wire, scene: Scene) -> Set {
    over(wire, wire.answer(scene)).await.0
}

async fn over(wire: &Wire, answer: Answer) -> (Set, Arc<Server>) {
    let server = Arc::new(Server::giving(answer).await);
    let endpoint = Endpoint::new(&server.url).unwrap().with_key(Key::new("sk-canary"));
    let (counting, returned) = (server.clone(), server.clone());
    let provider = (wire.open)(endpoint).unwrap();
    let set = Set {
        model: format!("{}:some-model", provider.name()).parse().unwrap(),
        provider: Arc::new(provider),
        tells: wire.tells,
        asked: Box::new(move || Some(counting.asked().len())),
    };
    (set, returned)
}

#[tokio::test]
async fn every_cut_of_the_bytes_gives_the_same_answer() {
    for wire in [&OPENAI, &OLLAMA] {
        for size in [1, 2, 3, 5, 64, 1_000] {
            let (set, _server) = over(wire, wire.stream("text").in_pieces_of(size)).await;
            let reply = play(&set, Scene::Text).await.outcome.unwrap();
            assert_eq!(reply.text, SAID, "{} in pieces of {size}", wire.folder);
        }
    }
}

/// However early a stream ends before its finish marker, it is no answer; from there on it is one.
#[tokio::test]
async fn a_stream_is_an_answer_from_its_finish_marker_on_and_not_before() {
    for wire in ALL {
        let whole = wire.read("text");
        let pieces: Vec<_> = whole.split_inclusive(wire.separator).collect();
        let marked = wire.first_part(&whole).matches(wire.separator).count() + 1;
        for taken in 0..=pieces.len() {
            let (set, _server) = over(wire, wire.streaming(pieces[..taken].concat())).await;
            match play(&set, Scene::Text).await.outcome {
                Ok(reply) => {
                    assert!(taken >= marked, "{}: {taken} pieces are no answer", wire.folder);
                    assert_eq!(reply.text, SAID);
                }
                Err(failure) => {
                    assert!(taken < marked, "{}: {taken} pieces: {failure}", wire.folder);
                    assert_eq!(failure, ModelFailure::Truncated);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_vendor_that_falls_silent_midway_is_given_up() {
    let answer = OPENAI.streaming(OPENAI.first_part(&OPENAI.read("text"))).ending(End::Hang);
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
    for wire in ALL {
        let (set, server) = over(wire, wire.answer(Scene::Json)).await;
        let context = CallContext::new("k", Arc::new(Waiting));
        for _ in 0..3 {
            let asked = request(Scene::Json);
            set.provider.call(&set.model, &asked, &context, &Silent).await.unwrap();
        }
        assert_eq!((server.asked().len(), server.connections()), (3, 1), "{}", wire.folder);
    }
}

#[tokio::test]
async fn a_tool_call_that_the_limit_cut_is_left_out() {
    // Cut in its arguments, and cut before they began.
    for rest in [r#"{"arguments":"{\"or"}"#, r#"{"arguments":""}"#] {
        let cut = OPENAI
            .read("tool_call")
            .replace(r#"{"arguments":"{}"}"#, rest)
            .replace(r#""finish_reason":"tool_calls""#, r#""finish_reason":"length""#);
        let (set, _server) = over(&OPENAI, OPENAI.streaming(cut)).await;
        let reply = play(&set, Scene::ToolCall).await.outcome.unwrap();
        let names: Vec<_> = reply.tool_calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["find_order"], "{rest}");
    }
}

#[tokio::test]
async fn an_index_out_of_reason_takes_no_memory() {
    let hostile = OPENAI.read("tool_call").replace(r#""index":1"#, r#""index":4000000000"#);
    let (set, _server) = over(&OPENAI, OPENAI.streaming(hostile)).await;
    let failure = play(&set, Scene::ToolCall).await.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::Malformed { .. }), "{failure:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_malformed() {
    for wire in ALL {
        let (set, _server) = over(wire, Answer::status(200, "{}")).await;
        let failure = play(&set, Scene::Text).await.outcome.unwrap_err();
        let text = failure.to_string();
        assert!(text.contains(&format!("not {}", wire.media_type)), "{}: {text}", wire.folder);
    }
}

/// They may end a refusal like any other answer.
#[tokio::test]
async fn a_model_that_declines_was_filtered_however_its_stream_ends() {
    for (wire, name) in
        [(&OPENAI, "declined"), (&OPENAI_RESPONSES, "declined"), (&GEMINI, "blocked")]
    {
        let (set, _server) = over(wire, wire.stream(name)).await;
        let reply = play(&set, Scene::Text).await.outcome.unwrap();
        assert_eq!(reply.finish, FinishReason::Filtered, "{}", wire.folder);
    }
    // Half a refusal is none.
    let part =
        OPENAI.read("declined").replace(r#""finish_reason":"stop""#, r#""finish_reason":null"#);
    let (set, _server) = over(&OPENAI, OPENAI.streaming(part.replace("[DONE]", "{}"))).await;
    assert_eq!(play(&set, Scene::Text).await.outcome.unwrap_err(), ModelFailure::Truncated);
}

#[tokio::test]
async fn a_response_that_fails_says_why() {
    let (set, _server) = over(&OPENAI_RESPONSES, OPENAI_RESPONSES.stream("failed")).await;
    let failure = play(&set, Scene::Text).await.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::RateLimited { .. }), "{failure:?}");
}

#[tokio::test]
async fn a_call_that_comes_whole_at_its_end_is_a_call() {
    let pieces = OPENAI_RESPONSES.read("single_tool");
    let pieces = pieces.split_inclusive("\n\n");
    let whole = pieces.filter(|piece| !piece.contains("arguments.delta")).collect::<String>();
    let (set, _server) = over(&OPENAI_RESPONSES, OPENAI_RESPONSES.streaming(whole)).await;
    crate::conformance::cases::asks_for_one_tool(play(&set, Scene::SingleTool).await);
}

#[tokio::test]
async fn arguments_that_an_imitator_sends_as_text_are_read_as_json_or_shown() {
    for (text, malformed) in
        [(r#"{\"order\":4711}"#, None), (r#"{\"order\":"#, Some("{\"order\":"))]
    {
        let body = OLLAMA.read("single_tool").replace(r#"{"order":4711}"#, &format!("\"{text}\""));
        let (set, _server) = over(&OLLAMA, OLLAMA.streaming(body)).await;
        let reply = play(&set, Scene::SingleTool).await.outcome.unwrap();
        assert_eq!(reply.tool_calls[0].malformed.as_deref(), malformed);
    }
}

/// A wish that would change the answer is not dropped in silence, and costs nothing.
#[tokio::test]
async fn what_responses_cannot_be_asked_for_is_refused_before_it_is_sent() {
    let (set, server) = over(&OPENAI_RESPONSES, OPENAI_RESPONSES.stream("text")).await;
    let context = CallContext::new("k", Arc::new(Waiting));
    let asked = request(Scene::Text).with_stop("END");
    let failure = set.provider.call(&set.model, &asked, &context, &Silent).await.unwrap_err();
    assert!(failure.to_string().contains("not sent"), "{failure}");
    assert!(!failure.is_retryable() && server.asked().is_empty());
}

/// A conversation with everything in it, as a vendor is sent it.
async fn sent(wire: &Wire) -> (Value, String) {
    let (set, server) = over(wire, wire.answer(Scene::Text)).await;
    let call = ToolCall::new("call_0:c2lnbg==", "find_order", json!({"order": 4711}));
    let unread = ToolCall::read("call_1", "find_order", "{\"order\":");
    let answer = |call: &ToolCall, content: &str| ToolResult {
        call_id: call.id.clone(),
        name: "find_order".into(),
        content: content.into(),
        is_error: true,
    };
    let results = vec![answer(&call, "no such order"), answer(&unread, "not JSON")];
    let conversation: ModelRequest = request(Scene::ToolCall)
        .with_message(Message::assistant("", vec![call, unread]))
        .with_message(Message::tool_results(results))
        .with_tool_choice(ToolChoice::Tool("find_order".into()))
        .with_output("intent", json!({"type": "object"}))
        .with_temperature(Temperature::new(1.5).unwrap())
        .with_seed(7)
        .with_prompt(PromptRef {
            name: "parcels".into(),
            version: "3".into(),
            hash: Digest::of(b"canary"),
        });
    let stops = wire.folder != OPENAI_RESPONSES.folder;
    let conversation = if stops { conversation.with_stop("END") } else { conversation };
    let context = CallContext::new("key-7", Arc::new(Waiting));
    set.provider.call(&set.model, &conversation, &context, &Silent).await.unwrap();
    let asked = server.asked().remove(0);
    assert!(
        !asked.body.to_string().contains("parcels"),
        "which prompt it was is not their concern"
    );
    (asked.body, asked.head)
}

#[tokio::test]
async fn openai_is_sent_its_own_form() {
    let (body, head) = sent(&OPENAI).await;
    assert!(head.starts_with("POST /chat/completions HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer sk-canary"), "{head}");
    assert!(head.contains("x-client-request-id: key-7"), "{head}");
    expect_test::expect_file!["../expected/openai.json"].assert_eq(&pretty(&body));
}

#[tokio::test]
async fn anthropic_is_sent_its_own_form() {
    let (body, head) = sent(&ANTHROPIC).await;
    assert!(head.starts_with("POST /v1/messages HTTP/1.1"), "{head}");
    assert!(head.contains("x-api-key: sk-canary") && head.contains("anthropic-version:"), "{head}");
    expect_test::expect_file!["../expected/anthropic.json"].assert_eq(&pretty(&body));
}

#[tokio::test]
async fn gemini_is_sent_its_own_form() {
    let (body, head) = sent(&GEMINI).await;
    let line = "POST /v1beta/models/some-model:streamGenerateContent?alt=sse HTTP/1.1";
    assert!(head.starts_with(line), "{head}");
    assert!(head.contains("x-goog-api-key: sk-canary"), "{head}");
    expect_test::expect_file!["../expected/gemini.json"].assert_eq(&pretty(&body));
}

#[tokio::test]
async fn openai_responses_are_asked_for_in_their_own_form() {
    let (body, head) = sent(&OPENAI_RESPONSES).await;
    assert!(head.starts_with("POST /responses HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer sk-canary"), "{head}");
    expect_test::expect_file!["../expected/openai_responses.json"].assert_eq(&pretty(&body));
}

#[tokio::test]
async fn ollama_is_sent_its_own_form() {
    let (body, head) = sent(&OLLAMA).await;
    assert!(head.starts_with("POST /api/chat HTTP/1.1"), "{head}");
    assert!(head.contains("accept: application/x-ndjson"), "{head}");
    expect_test::expect_file!["../expected/ollama.json"].assert_eq(&pretty(&body));
}

fn pretty(body: &Value) -> String {
    format!("{body:#}\n")
}
