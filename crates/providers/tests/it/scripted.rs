//! The scripted model: the suite, its rules, its faults, and what it says about a wrong file.

use std::{
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};

use expect_test::{Expect, expect};
use mainstay_core::model::{
    CallContext, FinishReason, Message, ModelFailure, ModelReply, ModelRequest, Price, Provider,
    Silent, Tier,
};
use mainstay_providers::scripted::{Script, Scripted};
use serde_json::json;

use crate::{
    clock::Noting,
    conformance::{SAID, Scene, Set, Tells, provider_conformance},
};

provider_conformance!(scripted, crate::scripted::set, filtered);

pub(crate) fn set(scene: Scene) -> Ready<Set> {
    let reply = match scene {
        Scene::Json => "json: { topic: return, order: 4711 }".to_owned(),
        Scene::SingleTool => "tool_calls: [{ name: find_order, arguments: { order: 4711 } }]".to_owned(),
        Scene::MalformedArguments => "tool_calls: [{ name: find_order, malformed: '{\"order\": 4711, }' }]".to_owned(),
        Scene::ToolCall => "tool_calls: [{ name: find_order, arguments: { order: 4711 } }, { name: find_customer }]".to_owned(),
        Scene::Thinking => format!("text: '{SAID}'\n      reasoning: They ask for a parcel."),
        Scene::Filtered => "text: 'Grüße'\n      finish: filtered".to_owned(),
        _ => format!("text: '{SAID}'"),
    };
    let extra = match scene {
        Scene::RateLimited => "faults: [{ error: rate_limited, retry_after_ms: 2000 }]",
        Scene::Unavailable => "faults: [{ error: unavailable }]",
        Scene::Refused => "faults: [{ error: refused }]",
        Scene::Malformed => "faults: [{ error: malformed }]",
        Scene::Truncated | Scene::Disconnected => "faults: [{ error: truncated }]",
        Scene::MissingUsage => "faults: [{ error: missing_usage }]",
        Scene::Silent => "latency_ms: 60000",
        Scene::Thinking => {
            "usage: { input_tokens: 13, output_tokens: 20, cached_input_tokens: 8, reasoning_tokens: 9 }"
        }
        _ => "",
    };
    let yaml = format!("model: desk\nrules:\n  - reply:\n      {reply}\n    {extra}\n");
    let script = Script::parse("desk.yaml", &yaml).unwrap();
    ready(Set {
        provider: Arc::new(Scripted::new().with_script(script)),
        model: "scripted:desk".parse().unwrap(),
        tells: Tells::EVERYTHING,
        asked: Box::new(|| None),
    })
}

const DESK: &str = r"
model: desk
price: { input_per_million: 400000, output_per_million: 1600000 }
latency_ms: 20
rules:
  - name: a return with its order
    when: { output: intent, any: [send back, return] }
    capture: { order: '(?i)order\s*#?(\d+)' }
    reply: { json: { topic: return, order: '{{order:number}}' } }
    usage: { input_tokens: 900, output_tokens: 24 }
  - when: { output: intent, any: [send back, return], turn: 1 }
    reply: { json: { topic: return } }
  - when: { output: intent, turn: 2, last: [does not fit] }
    reply: { json: { topic: return, order: 0 } }
  - when: { tool: find_order, none: [cancel] }
    capture: { order: '(\d+)' }
    reply: { tool_calls: [{ name: find_order, arguments: { order: '{{order:number}}' } }] }
  - when: { system: [flaky], matches: '^ping$' }
    reply: { text: pong }
    latency_ms: 0
    faults: [{ error: rate_limited, times: 2, retry_after_ms: 10 }, { error: unavailable }]
  - when: { system: [sometimes] }
    reply: { text: made it }
    faults: [{ error: unavailable, one_in: 4 }]
  - when: { system: [anything] }
    reply: { text: sure }
";

fn desk() -> Scripted {
    Scripted::new().with_script(Script::parse("desk.yaml", DESK).unwrap())
}

async fn attempt(request: &ModelRequest, attempt: u32) -> Result<ModelReply, ModelFailure> {
    let context = CallContext::new("k", Arc::new(Noting::default())).with_attempt(attempt);
    desk().call(&"scripted:desk".parse().unwrap(), request, &context, &Silent).await
}

async fn ask(request: &ModelRequest) -> ModelReply {
    attempt(request, 1).await.unwrap()
}

fn intent(text: &str) -> ModelRequest {
    ModelRequest::new(Tier::Fast).with_user(text).with_output("intent", json!({}))
}

#[tokio::test]
async fn the_first_rule_that_fits_answers_and_quotes_what_it_found() {
    let with_order = ask(&intent("I want to RETURN order #4711!")).await;
    assert_eq!(with_order.text, r#"{"order":4711,"topic":"return"}"#);
    let without = ask(&intent("I want to send back my shoes")).await;
    assert_eq!(without.text, r#"{"topic":"return"}"#);
}

#[tokio::test]
async fn a_repair_is_the_next_turn() {
    let again = intent("I want to send back my shoes")
        .with_message(Message::assistant("{}", Vec::new()))
        .with_user("Your answer does not fit");
    assert_eq!(ask(&again).await.text, r#"{"order":0,"topic":"return"}"#);
}

#[tokio::test]
async fn nothing_fits_is_a_failure_that_says_what_was_asked() {
    let failure = attempt(&intent("hello"), 1).await.unwrap_err();
    assert_eq!(failure.code().number(), 4009);
    let text = "no rule of desk.yaml fits a request for `intent` that ends with: hello";
    assert_eq!(failure.to_string(), text);
}

#[tokio::test]
async fn declared_usage_is_used_and_reserved() {
    let request = intent("return order 1");
    let usage = ask(&request).await.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (900, 24));
    let model = "scripted:desk".parse().unwrap();
    assert!(desk().count_input(&model, &request) >= 900);
    let price = Price { cached_input_per_million: None, ..desk().price(&model).unwrap() };
    assert_eq!(price.cost(&usage).micros(), 360 + 39);
}

#[tokio::test]
async fn an_answer_never_takes_more_than_the_request_allows() {
    let reply = ask(&intent("return order 1").with_max_output_tokens(10)).await;
    assert_eq!((reply.finish, reply.usage.output_tokens), (FinishReason::Length, 10));
    assert!(reply.text.len() < 15, "{}", reply.text);
}

#[tokio::test]
async fn faults_follow_the_attempt_and_nothing_else() {
    let ping = ModelRequest::new(Tier::Fast).with_system("Flaky.").with_user("ping");
    for _ in 0..2 {
        for (number, wait) in [(1, Some(10)), (2, Some(10)), (3, None)] {
            let failure = attempt(&ping, number).await.unwrap_err();
            assert_eq!(failure.retry_after(), wait.map(Duration::from_millis), "attempt {number}");
        }
        assert_eq!(attempt(&ping, 4).await.unwrap().text, "pong");
    }
}

#[tokio::test]
async fn one_in_four_requests_is_struck_and_always_the_same() {
    let mut struck = 0;
    for number in 0..200 {
        let system = format!("sometimes {number}");
        let request = ModelRequest::new(Tier::Fast).with_system(system).with_user("go");
        let first = attempt(&request, 1).await;
        assert_eq!(first, attempt(&request, 1).await);
        struck += u32::from(first.is_err());
    }
    assert!((25..=75).contains(&struck), "{struck} of 200");
}

#[tokio::test]
async fn latency_is_waited_on_the_clock_of_the_call() {
    let clock = Arc::new(Noting::default());
    let context = CallContext::new("k", clock.clone());
    let request = ModelRequest::new(Tier::Fast).with_system("Anything goes").with_user("hi");
    let model = "scripted:desk".parse().unwrap();
    desk().call(&model, &request, &context, &Silent).await.unwrap();
    let hurried = context.with_deadline(Duration::from_millis(5));
    let outcome = desk().call(&model, &request, &hurried, &Silent).await;
    assert_eq!(outcome.unwrap_err(), ModelFailure::TimedOut { after: Duration::from_millis(5) });
    assert_eq!(clock.waits(), [20, 5].map(Duration::from_millis));
}

#[tokio::test]
async fn a_tool_is_asked_for_only_where_it_is_offered() {
    let offer = mainstay_core::model::ToolOffer {
        name: "find_order".into(),
        description: String::new(),
        schema: json!({}).into(),
    };
    let request = ModelRequest::new(Tier::Fast).with_user("it is 4711");
    let reply = ask(&request.clone().with_tool(offer)).await;
    assert_eq!(reply.tool_calls[0].arguments, json!({"order": 4711}));
    assert_eq!(reply.finish, FinishReason::ToolCalls);
    assert!(attempt(&request, 1).await.is_err());
}

fn check(yaml: &str, expected: Expect) {
    let error = Script::parse("desk.yaml", yaml).unwrap_err();
    assert_eq!(error.code().number(), 4008);
    expected.assert_eq(&format!("{error}\nhint: {}", error.hint));
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_place() {
    check(
        "model: desk\nrules: [",
        expect![[r#"
            desk.yaml:2:8: unclosed bracket '['
            hint: docs/scripted-model.md shows every field of a script"#]],
    );
    check(
        "model: desk\nrules:\n  - reply: { txt: hi }\n",
        expect![[r#"
            desk.yaml:3:14: unknown field `txt`, expected one of text, json, tool_calls, reasoning, finish
            hint: docs/scripted-model.md shows every field of a script"#]],
    );
    check(
        "model: desk\nrules:\n  - name: x\n",
        expect![[r#"
            desk.yaml:3:5: missing field `reply`
            hint: docs/scripted-model.md shows every field of a script"#]],
    );
    check(
        "model: desk\nrules: []\n",
        expect![[r#"
            desk.yaml:2:8: there are no rules
            hint: a last rule without `when` answers whatever no other rule does"#]],
    );
    check(
        "model: two words\nrules:\n  - reply: { text: hi }\n",
        expect![[r#"
            desk.yaml:1:8: `model` is no name
            hint: write a word, such as `desk`"#]],
    );
    check(
        "model: desk\nrules:\n  - name: greet\n    reply: { text: 'hi {{who}}' }\n",
        expect![[r#"
        desk.yaml:4:12: rule `greet`: the reply quotes `who`, which no capture finds
        hint: add it under the rule's `capture`"#]],
    );
    check(
        "model: desk\nrules:\n  - reply: { text: 'hi {{who' }\n",
        expect![[r#"
        desk.yaml:3:12: a `{{` is never closed by `}}`
        hint: write `{{name}}`"#]],
    );
    check(
        "model: desk\nrules:\n  - reply: { text: hi, json: 1 }\n",
        expect![[r#"
        desk.yaml:3:12: the reply has both `text` and `json`
        hint: a reply has `text` or `json`; both may have `tool_calls`"#]],
    );
    check(
        "model: desk\nrules:\n  - reply: {}\n",
        expect![[r#"
        desk.yaml:3:12: the reply says nothing
        hint: give it `text`, `json` or `tool_calls`"#]],
    );
}

#[test]
fn a_call_is_malformed_or_not() {
    for call in ["arguments: {}, malformed: '{'", "malformed: '{}'"] {
        check(
            &format!(
                "model: desk\nrules:\n  - reply: {{ tool_calls: [{{ name: pay, {call} }}] }}\n"
            ),
            expect![[r#"
                desk.yaml:3:12: `pay` is called with JSON and with `malformed`
                hint: write JSON under `arguments`, and under `malformed` what is none"#]],
        );
    }
}

#[test]
fn a_pattern_that_cannot_be_used_is_told_with_its_place() {
    check(
        "model: desk\nrules:\n  - when: { matches: '(a' }\n    reply: { text: hi }\n",
        expect![[r#"
            desk.yaml:3:22: the pattern `(a` cannot be read: unclosed group
            hint: patterns are those of the Rust `regex` crate; quote them with '…' in YAML"#]],
    );
    check(
        "model: desk\nrules:\n  - capture: { a: 'b' }\n    reply: { text: hi }\n",
        expect![[r#"
        desk.yaml:3:19: the capture `a` needs exactly one group
        hint: put the part to quote into (…), and other groups into (?:…)"#]],
    );
}

#[test]
fn a_fault_that_does_not_exist_is_told_with_those_that_do() {
    check(
        "model: desk\nrules:\n  - reply: { text: hi }\n    faults: [{ error: fire }]\n",
        expect![[r#"
            desk.yaml:4:23: unknown variant `fire`, expected one of rate_limited, unavailable, refused, malformed, truncated, timed_out, missing_usage
            hint: docs/scripted-model.md shows every field of a script"#]],
    );
}

#[test]
fn a_file_that_is_not_there_is_an_error_too() {
    let error = Script::load(std::path::Path::new("no/such.yaml")).unwrap_err();
    assert!(error.to_string().starts_with("no/such.yaml: "), "{error}");
}
