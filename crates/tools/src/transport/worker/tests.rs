//! A hub between a catalogue and workers that behave, and that do not.

mod bench;

use mainstay_core::{
    code::Code,
    failure::Retryability,
    remote::{Closed, Kind, Offer},
    secret::{Secret, SecretRef},
    time::Timestamp,
    tool::{TookEffect, ToolCatalog},
};
use serde_json::json;

use super::*;
use crate::{Registry, Resources, ToolSet, testing::call};

/// Tokio's clock, which stands still until everybody waits.
struct Paused(tokio::time::Instant);

#[async_trait]
impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn boot(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

struct Fixed;

impl Entropy for Fixed {
    fn draw(&self) -> [u8; 32] {
        [7; 32]
    }
}

#[async_trait]
impl Secrets for Fixed {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, String> {
        match reference.name() {
            "short" => Ok(Secret::new("short")),
            "shop" => Ok(Secret::new("the-right-one")),
            name => Err(format!("no secret {name}")),
        }
    }
}

fn offer(name: &str) -> Offer {
    let properties = json!({"q": {"type": "string"}});
    Offer {
        kind: Kind::Tool,
        name: name.to_owned(),
        input_schema: json!({"type": "object", "properties": properties}),
        output_schema: json!(true),
        effect: "at_most_once".to_owned(),
    }
}

fn shop(token: Option<&str>) -> Settings {
    let token = token.map(|text| SecretRef::try_from(text.to_owned()).unwrap());
    let step = Offer { kind: Kind::Step, ..offer("score") };
    let served = [offer("pay"), offer("search"), step];
    let served = served.map(|offer| Declared::new("shop", offer)).into();
    Settings { token, served, ..Settings::new("shop") }
}

/// A hub with the worker `shop`, and a catalogue with its tools.
fn opened(token: Option<&str>) -> (Arc<Hub>, Registry) {
    let clock = Arc::new(Paused(tokio::time::Instant::now()));
    let around = Surroundings {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        entropy: Arc::new(Fixed),
        secrets: Arc::new(Fixed),
    };
    let hub = Hub::new(vec![shop(token)], around);
    hub.listen();
    let set = hub.served().into_iter().fold(ToolSet::new(), ToolSet::tool);
    (hub, set.open(Resources::new(), clock).unwrap())
}

fn worker(token: &str) -> RemoteWorker {
    RemoteWorker { name: "shop".to_owned(), token: Some(Secret::new(token)) }
}

fn poll(offers: Vec<Offer>) -> Poll {
    Poll { offers, take: 8, wait: LONGEST_WAIT }
}

/// Calls `shop.pay` while `peer` is the worker.
async fn called<T>(peer: impl AsyncFnOnce(Arc<Hub>) -> T) -> (Result<Value, ToolFailure>, T) {
    let (hub, registry) = opened(None);
    let tool = registry.get("shop.pay").unwrap();
    futures::join!(tool.call(call(json!({"q": "x"}))), peer(hub))
}

async fn taken(hub: &Hub) -> Assignment {
    let mut taken = hub.poll(&worker(""), poll(vec![offer("pay")])).await.unwrap();
    taken.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_waits_gets_the_call_and_its_answer_comes_back() {
    let (result, call) = called(async |hub| {
        let call = taken(&hub).await;
        hub.complete(&worker(""), &call.id, json!({"paid": 1})).await.unwrap();
        call
    })
    .await;
    assert_eq!(result.unwrap(), json!({"paid": 1}));
    assert_eq!((call.kind, call.name.as_str(), call.attempt), (Kind::Tool, "pay", 1));
    assert_eq!((call.arguments, call.left), (json!({"q": "x"}), Duration::from_secs(30)));
}

#[tokio::test(start_paused = true)]
async fn a_step_is_called_like_a_tool_and_is_none() {
    let (hub, registry) = opened(None);
    let step = registry.get("shop.score").unwrap();
    assert!(step.spec().is_step() && !registry.get("shop.pay").unwrap().spec().is_step());
    let serving = async {
        let offers = poll(vec![Offer { kind: Kind::Step, ..offer("score") }]);
        let taken = hub.poll(&worker(""), offers).await.unwrap().remove(0);
        hub.complete(&worker(""), &taken.id, json!({"points": 7})).await.unwrap();
        taken
    };
    let (result, taken) = futures::join!(step.call(call(json!({"q": "x"}))), serving);
    assert_eq!(result.unwrap(), json!({"points": 7}));
    assert_eq!((taken.kind, taken.name.as_str()), (Kind::Step, "score"));
}

#[tokio::test(start_paused = true)]
async fn without_a_worker_the_tool_is_unavailable_and_nothing_happened() {
    let (result, ()) = called(async |_| {}).await;
    let failure = result.unwrap_err();
    assert_eq!((failure.code, failure.took_effect), (Code::ToolUnavailable, TookEffect::No));
    assert_eq!(failure.retry, Retryability::Retryable);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_listens_for_nobody_says_so_at_once() {
    let (hub, registry) = opened(None);
    hub.listens.store(false, Ordering::Relaxed);
    let before = hub.now();
    let failure = registry.get("shop.pay").unwrap().call(call(json!({}))).await.unwrap_err();
    assert_eq!((failure.code, failure.took_effect), (Code::ToolUnavailable, TookEffect::No));
    assert!(failure.message.contains("`mainstay worker` listens"), "{failure}");
    assert_eq!(hub.now(), before);
}

#[tokio::test(start_paused = true)]
async fn a_short_deadline_ends_the_wait_to_be_taken_before_it_ends_the_call() {
    let (_hub, registry) = opened(None);
    let hurried = mainstay_core::tool::ToolCall {
        deadline: Timestamp::from_millis(4_000),
        ..call(json!({}))
    };
    let failure = registry.get("shop.pay").unwrap().call(hurried).await.unwrap_err();
    assert_eq!((failure.code, failure.took_effect), (Code::ToolUnavailable, TookEffect::No));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_falls_silent_may_have_acted_and_is_not_heard_any_more() {
    let (result, late) = called(async |hub| {
        let call = taken(&hub).await;
        tokio::time::sleep(Duration::from_secs(16)).await;
        hub.complete(&worker(""), &call.id, json!(1)).await
    })
    .await;
    let failure = result.unwrap_err();
    assert_eq!((failure.code, failure.took_effect), (Code::WorkerLost, TookEffect::Unknown));
    assert_eq!(late, Err(RemoteRefusal::Closed(Closed::Lapsed)));
}

#[tokio::test(start_paused = true)]
async fn heartbeats_carry_a_call_over_its_lease() {
    let (result, ()) = called(async |hub| {
        let call = taken(&hub).await;
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let beat = hub.heartbeat(&worker(""), std::slice::from_ref(&call.id)).await.unwrap();
            assert_eq!(beat.held, std::slice::from_ref(&call.id));
        }
        hub.complete(&worker(""), &call.id, json!(1)).await.unwrap();
    })
    .await;
    assert_eq!(result.unwrap(), json!(1));
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_is_heard_of_at_the_next_heartbeat() {
    let (result, (beat, late)) = called(async |hub| {
        let call = taken(&hub).await;
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(7)).await;
            let beat = hub.heartbeat(&worker(""), std::slice::from_ref(&call.id)).await.unwrap();
            if beat.held.is_empty() {
                return (beat, hub.complete(&worker(""), &call.id, json!(1)).await);
            }
        }
        panic!("the call's 30 seconds are over")
    })
    .await;
    assert_eq!(result.unwrap_err().code, Code::ToolTimedOut);
    assert_eq!(beat.cancelled.len(), 1);
    assert_eq!(late, Err(RemoteRefusal::Closed(Closed::Abandoned)));
}

#[tokio::test(start_paused = true)]
async fn a_workers_own_words_for_a_failure_are_kept_and_cut() {
    let (result, ()) = called(async |hub| {
        let call = taken(&hub).await;
        let failure = RemoteFailure {
            code: "LIMIT".to_owned(),
            message: "x".repeat(1 << 20),
            retry: Retryability::Retryable,
            took_effect: TookEffect::No,
            retry_after: Some(Duration::from_secs(3)),
        };
        hub.fail(&worker(""), &call.id, failure).await.unwrap();
    })
    .await;
    let failure = result.unwrap_err();
    assert!(failure.message.starts_with("LIMIT: xxx") && failure.message.len() < 1_100);
    assert_eq!(failure.took_effect, TookEffect::No);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(3)));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_a_worker_tells_back_is_taken_out_of_it() {
    let (hub, registry) = opened(Some("secret:shop"));
    let tool = registry.get("shop.pay").unwrap();
    let right = worker("the-right-one");
    let peer = async |fails: bool| {
        let call = hub.poll(&right, poll(vec![offer("pay")])).await.unwrap().remove(0);
        // It would be cut in the middle of the token.
        let message = format!("{}the-right-one", "x".repeat(LONGEST_MESSAGE - 4));
        let failure = RemoteFailure {
            code: "eno-thgir-eht".to_owned(),
            message,
            retry: Retryability::Permanent,
            took_effect: TookEffect::No,
            retry_after: None,
        };
        if fails {
            hub.fail(&right, &call.id, failure).await.unwrap();
        } else {
            hub.complete(&right, &call.id, json!({"the-right-one": 1})).await.unwrap();
        }
    };
    let (told, ()) = futures::join!(tool.call(call(json!({"q": "x"}))), peer(false));
    assert_eq!(told.unwrap(), json!({"[secret:shop]": 1}));
    let (told, ()) = futures::join!(tool.call(call(json!({"q": "x"}))), peer(true));
    let message = told.unwrap_err().message;
    assert!(message.starts_with("[secret:shop]: xxx") && message.ends_with("x[sec"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_could_not_be_recognised_lets_nobody_in() {
    let (hub, _registry) = opened(Some("secret:short"));
    let refusal = hub.heartbeat(&worker("short"), &[]).await.unwrap_err();
    let RemoteRefusal::NoToken(why) = refusal else { panic!("{refusal:?}") };
    assert!(why.contains("shorter than 8 bytes"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn without_the_right_token_every_message_is_refused_alike() {
    let (hub, _registry) = opened(Some("secret:shop"));
    let right = worker("the-right-one");
    hub.heartbeat(&right, &[]).await.unwrap();
    let nobody = RemoteWorker { token: None, ..worker("") };
    let stranger = RemoteWorker { name: "bank".to_owned(), ..worker("the-right-one") };
    for wrong in [worker("wrong"), worker(""), nobody, stranger] {
        let denied = RemoteRefusal::Denied;
        let polled = hub.poll(&wrong, poll(vec![offer("pay")])).await;
        assert_eq!(polled.unwrap_err(), denied);
        assert_eq!(hub.heartbeat(&wrong, &[]).await.unwrap_err(), denied);
        assert_eq!(hub.complete(&wrong, "call", json!(1)).await.unwrap_err(), denied);
        let failure = RemoteFailure {
            code: String::new(),
            message: String::new(),
            retry: Retryability::Permanent,
            took_effect: TookEffect::Unknown,
            retry_after: None,
        };
        assert_eq!(hub.fail(&wrong, "call", failure).await.unwrap_err(), denied);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_had_lets_nobody_in() {
    let (hub, _registry) = opened(Some("secret:gone"));
    let refusal = hub.heartbeat(&worker("the-right-one"), &[]).await.unwrap_err();
    assert_eq!(refusal, RemoteRefusal::NoToken("no secret gone".to_owned()));
    assert_eq!(refusal.retry(), Retryability::Retryable);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_declared_is_refused_with_the_differences() {
    let (hub, _registry) = opened(None);
    let lines = async |offers| match hub.poll(&worker(""), poll(offers)).await {
        Err(RemoteRefusal::Undeclared(lines)) => lines.join("\n"),
        other => panic!("{other:?}"),
    };
    assert_eq!(lines(vec![offer("pay"), offer("drop")]).await, "`drop` is not declared");
    let schema = json!({"type": "object", "properties": {"q": {"type": "integer"}}});
    let other = Offer { input_schema: schema, effect: "read".to_owned(), ..offer("pay") };
    assert_eq!(
        lines(vec![other]).await,
        "`pay` at /effect: declared \"at_most_once\", served \"read\"\n\
         `pay` at /input_schema/properties/q/type: declared \"string\", served \"integer\""
    );
    assert_eq!(lines(vec![offer("pay"), offer("pay")]).await, "`pay` is offered twice");
    assert_eq!(
        lines(vec![offer("score")]).await,
        "`score` at /kind: declared \"step\", served \"tool\""
    );
}

#[tokio::test(start_paused = true)]
async fn a_poll_ends_empty_when_nothing_comes() {
    let (hub, _registry) = opened(None);
    assert!(hub.poll(&worker(""), poll(vec![offer("pay")])).await.unwrap().is_empty());
    assert_eq!(hub.now(), LONGEST_WAIT);
}
